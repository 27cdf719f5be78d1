import type { ReactNode } from 'react';
import style from './actions.module.css';

/** The buttons of a page or a list. */
export function Actions({ children }: { children: ReactNode }): ReactNode {
  return <div className={style.actions}>{children}</div>;
}
