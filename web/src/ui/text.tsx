import { memo } from 'react';
import { pieces } from './plain-text.ts';
import './text.css';

/** Text from an agent or a user: never markup, with characters that cannot be seen shown by name. */
export const Text = memo(function Text({ children, limit }: { children: string; limit?: number }) {
  const shown = limit !== undefined && children.length > limit ? `${children.slice(0, limit)}…` : children;
  return (
    <bdi>
      {pieces(shown).map((piece, index) =>
        piece.hidden ? (
          <span key={index} className="hidden-character" title="A character that cannot be seen">
            {piece.text}
          </span>
        ) : (
          piece.text
        ),
      )}
    </bdi>
  );
});
