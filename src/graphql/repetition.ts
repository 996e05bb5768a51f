import { type DocumentNode, Kind, type SelectionSetNode } from "graphql";

/** Operations and fragments in a document: each is compared with each. */
const MAX_DEFINITIONS = 60;
/** Pairs of fields with one response path. */
const MAX_PAIRS = 2000;

/** How often a response path occurs, and those below it. */
class ResponsePath {
  #times = 0;
  readonly #below = new Map<string, ResponsePath>();

  below(name: string): ResponsePath {
    const path = this.#below.get(name) ?? new ResponsePath();
    this.#below.set(name, path);
    return path;
  }

  /** @returns with how many it makes a pair */
  count(): number {
    return this.#times++;
  }
}

/**
 * Whether validating the document costs more than its length lets expect. The rule that fields can be merged
 * (OverlappingFieldsCanBeMerged) compares each field with each other of the same response path, and each fragment with
 * each: this counts how often it will, in time that grows with the document's length alone.
 * @see https://spec.graphql.org/October2021/#sec-Field-Selection-Merging
 */
export function repeatsTooMuch(document: DocumentNode): boolean {
  if (document.definitions.length > MAX_DEFINITIONS) return true;
  const root = new ResponsePath();
  let pairs = 0;
  const visit = ({ selections }: SelectionSetNode, path: ResponsePath) => {
    for (const selection of selections) {
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        visit(selection.selectionSet, path);
        continue;
      }
      const isField = selection.kind === Kind.FIELD;
      const at = path.below(isField ? (selection.alias ?? selection.name).value : `...${selection.name.value}`);
      pairs += at.count();
      if (isField && selection.selectionSet) visit(selection.selectionSet, at);
    }
  };
  for (const definition of document.definitions) {
    // Fields of fragments on one type may meet in one place.
    if (definition.kind === Kind.FRAGMENT_DEFINITION) {
      visit(definition.selectionSet, root.below(definition.typeCondition.name.value));
    } else if (definition.kind === Kind.OPERATION_DEFINITION) {
      visit(definition.selectionSet, root.below(definition.operation));
    }
  }
  return pairs > MAX_PAIRS;
}
