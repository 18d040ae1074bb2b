import {
  type ASTVisitor,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql';
import { MAX_FIRST } from './builder.ts';

export interface QueryLimits {
  /** Fields within fields. */
  readonly maxDepth: number;
  /** Fields to be resolved, those of a list as often as it may be long. */
  readonly maxCost: number;
}

export const QUERY_LIMITS: QueryLimits = { maxDepth: 8, maxCost: 20_000 };
/** Fields that take more than looking into what is there: a sum over all releases, several statements. */
const COST: Readonly<Record<string, number>> = { privacyBudget: 50, status: 10, metrics: 10 };
/** Of one page where nothing is said. */
const USUAL_FIRST = 100;

interface Size {
  readonly depth: number;
  readonly cost: number;
}

/**
 * Refuses a document that nests too deep, or may resolve too many fields, before anything of it is carried out. What a variable says
 * is not known then: it is taken for the most that it may be.
 */
export function limitRule({ maxDepth, maxCost }: QueryLimits): (context: ValidationContext) => ASTVisitor {
  return (context) => {
    const fragments = new Map<string, Size | 'open'>();

    const sizeOf = ({ selections }: SelectionSetNode): Size => {
      let [depth, cost] = [0, 0];
      for (const selection of selections) {
        const size =
          selection.kind === Kind.FIELD
            ? sizeOfField(selection)
            : selection.kind === Kind.INLINE_FRAGMENT
              ? sizeOf(selection.selectionSet)
              : sizeOfFragment(context.getFragment(selection.name.value));
        depth = Math.max(depth, size.depth);
        // Enough is enough: sums of sums grow without bound.
        cost = Math.min(cost + size.cost, maxCost + 1);
      }
      return { depth, cost };
    };

    const sizeOfField = (field: FieldNode): Size => {
      const { value: name } = field.name;
      // A leaf may have the name of such a field: a training's status is one.
      if (field.selectionSet === undefined)
        return { depth: 1, cost: name === 'privacyBudget' ? COST.privacyBudget! : 1 };
      const { depth, cost } = sizeOf(field.selectionSet);
      const own = Object.hasOwn(COST, name) ? COST[name]! : 1;
      return { depth: depth + 1, cost: Math.min(own + cost * lengthOf(field), maxCost + 1) };
    };

    const sizeOfFragment = (fragment: FragmentDefinitionNode | null | undefined): Size => {
      if (fragment == null) return { depth: 0, cost: 0 };
      const name = fragment.name.value;
      const known = fragments.get(name);
      // A fragment within itself is refused by another rule.
      if (known === 'open') return { depth: 0, cost: 0 };
      if (known !== undefined) return known;
      fragments.set(name, 'open');
      const size = sizeOf(fragment.selectionSet);
      fragments.set(name, size);
      return size;
    };

    return {
      OperationDefinition(node) {
        const { depth, cost } = sizeOf(node.selectionSet);
        if (depth > maxDepth)
          context.reportError(
            new GraphQLError(`The query nests too deep. Expected at most ${maxDepth} levels.`),
          );
        if (cost > maxCost)
          context.reportError(
            new GraphQLError(
              `The query asks for too much. Expected at most ${maxCost} fields; ask for shorter pages.`,
            ),
          );
      },
    };
  };
}

/** How long the list in a page may be. */
function lengthOf({ name, selectionSet, arguments: args = [] }: FieldNode): number {
  const first = args.find((arg) => arg.name.value === 'first')?.value;
  if (first?.kind === Kind.INT) return Math.max(1, Math.min(MAX_FIRST, Number(first.value)));
  if (first?.kind === Kind.VARIABLE) return MAX_FIRST;
  const isPage =
    name.value === 'metrics' ||
    selectionSet?.selections.some((each) => each.kind === Kind.FIELD && each.name.value === 'nodes') === true;
  return isPage ? USUAL_FIRST : 1;
}
