# syntax=docker/dockerfile:1

FROM node:20-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY web/package.json web/
COPY sdk/typescript/package.json sdk/typescript/
RUN npm ci
COPY prisma.config.ts tsconfig.json tsconfig.build.json schema.graphql ./
COPY prisma prisma
COPY scripts scripts
COPY src src
COPY web web
# --omit=optional: otherwise Prisma's CLI stays, 250 MB, as an optional peer of its client.
# The link to the SDK's folder would lead nowhere in the image.
RUN npm run build && npm prune --omit=dev --omit=optional && rm -rf node_modules/@sentrial

FROM node:20-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3001 SENTRIAL_DATA_DIR=/data
WORKDIR /app
RUN install -d -o node -g node /data
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/prisma/migrations prisma/migrations
COPY --from=build /app/dist dist
COPY --from=build /app/web/dist web/dist
COPY --from=build /app/scripts/start.js scripts/start.js
USER node
# The database of the embedded flavour, which is what runs unless DATABASE_URL is set.
VOLUME /data
EXPOSE 3001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/main.js"]
