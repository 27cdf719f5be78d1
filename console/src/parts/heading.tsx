import { useEffect, useRef } from 'react';
import type { ReactNode } from 'react';
import { isDialogOpen } from './open-dialog';

let isFirst = true;

/** The heading of a page. It names the window, and gets the focus when the page is opened from another one. */
export function Heading({ children }: { children: string }): ReactNode {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${children} · Latchkey`;
  }, [children]);
  useEffect(() => {
    // A dialog that somebody opens while the page is loading keeps the focus.
    if (!isFirst && !isDialogOpen()) heading.current?.focus();
    isFirst = false;
  }, []);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  );
}
