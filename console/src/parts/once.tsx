import { lazy, Suspense } from 'react';
import type { ReactNode } from 'react';

const OnceShown = lazy(() => import('./once-shown'));

/** A secret that the service shows once, or that only this browser has. */
export interface OnceText {
  title: string;
  text: string;
  /** The name under which it can be downloaded. */
  fileName?: string;
  /** What to do with it, if not to keep it. */
  help?: string;
}

export type OnceProps = OnceText & { children?: ReactNode; onDone: () => void };

/** Shows a secret until somebody says that they have it. It is kept nowhere else. */
export function Once(props: OnceProps): ReactNode {
  return (
    <Suspense fallback={null}>
      <OnceShown {...props} />
    </Suspense>
  );
}
