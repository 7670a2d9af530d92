import { Check } from 'lucide-react';
import { JsonView } from '../../ui/json-view.tsx';
import { Payload } from '../../ui/payload.tsx';
import { plainly } from '../../ui/plain-text.ts';
import { Text } from '../../ui/text.tsx';

/** What a decision weighed, with all that was said of each alternative, and which of them it took. */
export function Alternatives({ alternatives, chosen }: { alternatives: readonly unknown[] | null; chosen: string | null }) {
  const options = (alternatives ?? []).map(optionOf);
  const isListed = options.some(({ title }) => title === chosen);
  const list = (
    <ul className="options">
      {chosen !== null && !isListed && <OptionView option={{ title: chosen, score: undefined, fields: [] }} isChosen />}
      {options.map((option, index) => (
        <OptionView key={index} option={option} isChosen={option.title !== undefined && option.title === chosen} />
      ))}
    </ul>
  );
  if (options.length > 0) return <Payload label="What it weighed" value={alternatives}>{list}</Payload>;
  if (chosen === null) return null;
  return (
    <>
      <h3>What it chose</h3>
      {list}
    </>
  );
}

/** An alternative: text as a rule, else an object that names it and says more. */
type Option = { title: string | undefined; score: number | undefined; fields: readonly (readonly [name: string, value: unknown])[] };

const TITLES = ['option', 'name', 'action', 'title', 'description'];
const SCORES = ['score', 'confidence', 'probability'];

function optionOf(alternative: unknown): Option {
  if (alternative === null || typeof alternative !== 'object' || Array.isArray(alternative)) {
    return { title: typeof alternative === 'string' ? alternative : JSON.stringify(alternative), score: undefined, fields: [] };
  }
  const said = alternative as Readonly<Record<string, unknown>>;
  const title = TITLES.find((name) => typeof said[name] === 'string');
  const score = SCORES.find((name) => typeof said[name] === 'number');
  return {
    title: title && (said[title] as string),
    score: score === undefined ? undefined : (said[score] as number),
    fields: Object.entries(said).filter(([name]) => name !== title && name !== score),
  };
}

function OptionView({ option: { title, score, fields }, isChosen }: { option: Option; isChosen: boolean }) {
  return (
    <li className={isChosen ? 'option option-chosen' : 'option'}>
      {isChosen ? <Check size={14} aria-label="Chosen" /> : <span className="option-dot" />}
      <span>{title !== undefined && <Text>{title}</Text>}</span>
      {score !== undefined && <span className="muted">{score}</span>}
      {fields.length > 0 && (
        <dl className="option-fields">
          {fields.map(([name, value]) => (
            <div key={name}>
              <dt className={isLarge(value) ? 'visually-hidden' : undefined}>
                <Text limit={80}>{name}</Text>
              </dt>
              <dd>{isLarge(value) ? <JsonView label={plainly(name).slice(0, 80)} value={value} /> : <Text>{String(value)}</Text>}</dd>
            </div>
          ))}
        </dl>
      )}
    </li>
  );
}

/** From this length on, a text is laid out line by line. */
const LONG = 2_000;
const isLarge = (value: unknown) => (typeof value === 'string' ? value.length > LONG : value !== null && typeof value === 'object');
