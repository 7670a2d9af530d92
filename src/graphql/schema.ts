import './scalars.ts';
import '../api-key/graphql.ts';
import '../event/graphql.ts';
import '../project/graphql.ts';
import '../session/graphql.ts';
import '../stats/graphql.ts';
import { builder } from './builder.ts';

/** The whole schema. Printed to schema.graphql by `npm run schema`. */
export const schema = builder.toSchema();
