// `npm run bench -- ingest | fanout | reads | startup | dashboard | precedence | soak | sdk-typescript | python`: see bench/README.md.
const NAMES = ['ingest', 'fanout', 'reads', 'startup', 'dashboard', 'precedence', 'soak', 'sdk-typescript', 'python'];
const name = process.argv[2] ?? '';
if (!NAMES.includes(name)) {
  process.stderr.write(`Which? npm run bench -- ${NAMES.join(' | ')}\n`);
  process.exit(1);
}
await import(`./${name}.ts`);
