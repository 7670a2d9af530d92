import { JsonView } from '../../ui/json-view.tsx';

type Message = { role: string; content: unknown };

/** What goes to a model and comes from it, in the forms that providers have: messages are shown as a talk. */
export function Messages({ value, label }: { value: unknown; label: string }) {
  const messages = messagesOf(value);
  if (messages === undefined) return <JsonView value={value} label={label} />;
  return (
    <div className="messages" role="group" aria-label={label}>
      {messages.map(({ role, content }, index) => (
        <JsonView key={index} label={messages.length === 1 ? `${label} · ${role}` : role} value={textOf(content) ?? content} />
      ))}
    </div>
  );
}

const isMessage = (value: unknown): value is Message => value !== null && typeof value === 'object' && 'role' in value && typeof value.role === 'string' && 'content' in value && Object.keys(value).length <= 3;

function messagesOf(value: unknown): Message[] | undefined {
  if (isMessage(value)) return [value];
  return Array.isArray(value) && value.length > 0 && value.every(isMessage) ? value : undefined;
}

/** Text, or a list of nothing but text parts. */
function textOf(content: unknown): string | undefined {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content) || content.length === 0) return undefined;
  const parts = content.map((part: unknown) => (part !== null && typeof part === 'object' && 'text' in part && typeof part.text === 'string' && 'type' in part && part.type === 'text' ? part.text : undefined));
  return parts.every((part) => part !== undefined) ? parts.join('\n\n') : undefined;
}
