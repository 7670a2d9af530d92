import { Kind } from 'graphql';
import type { FieldNode, FragmentDefinitionNode, GraphQLResolveInfo, SelectionSetNode } from 'graphql';

/** Names of the fields selected at a path below the field being resolved, or right below it, whatever fragment they stand in. */
export function selectedFields(info: GraphQLResolveInfo, path: readonly string[] = []): Set<string> {
  let level = info.fieldNodes.flatMap((node) => (node.selectionSet ? [node.selectionSet] : []));
  for (const step of path) {
    level = fieldsOf(level, info.fragments).flatMap((field) => (field.name.value === step && field.selectionSet ? [field.selectionSet] : []));
  }
  return new Set(fieldsOf(level, info.fragments).map((field) => field.name.value));
}

function fieldsOf(sets: readonly SelectionSetNode[], fragments: { readonly [name: string]: FragmentDefinitionNode }): FieldNode[] {
  return sets.flatMap((set) =>
    set.selections.flatMap((selection) => {
      switch (selection.kind) {
        case Kind.FIELD:
          return [selection];
        case Kind.INLINE_FRAGMENT:
          return fieldsOf([selection.selectionSet], fragments);
        case Kind.FRAGMENT_SPREAD: {
          const fragment = fragments[selection.name.value];
          return fragment ? fieldsOf([fragment.selectionSet], fragments) : [];
        }
      }
    }),
  );
}
