import { getNamedType, isInterfaceType, isLeafType, isObjectType, isRequiredArgument } from 'graphql';
import type { GraphQLInterfaceType, GraphQLObjectType, GraphQLOutputType, GraphQLSchema } from 'graphql';

/** A selection of every field of a type that needs no argument, down to a depth; of an interface, those of each of its types too. */
export function selectAll(schema: GraphQLSchema, output: GraphQLOutputType, depth: number): string {
  const type = getNamedType(output);
  if (isInterfaceType(type)) {
    const own = Object.keys(type.getFields());
    const fragments = schema.getPossibleTypes(type).map((possible) => `... on ${possible.name} { ${fieldsOf(schema, possible, depth, own)} }`);
    return `{ ${fieldsOf(schema, type, depth)} ${fragments.join(' ')} }`;
  }
  return isObjectType(type) ? `{ ${fieldsOf(schema, type, depth)} }` : '';
}

function fieldsOf(schema: GraphQLSchema, type: GraphQLObjectType | GraphQLInterfaceType, depth: number, except: readonly string[] = []): string {
  const selected = Object.values(type.getFields()).flatMap((field) => {
    if (except.includes(field.name) || field.args.some(isRequiredArgument)) return [];
    if (isLeafType(getNamedType(field.type))) return [field.name];
    return depth > 1 ? [`${field.name} ${selectAll(schema, field.type, depth - 1)}`] : [];
  });
  return selected.join(' ') || '__typename';
}
