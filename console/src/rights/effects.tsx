import { lazy, Suspense } from 'react';
import type { ReactNode } from 'react';
import type { Schemas } from '../api';

/** It is only loaded when something is to be taken away. */
const EffectsText = lazy(() => import('./effects-text'));

export interface EffectsProps {
  /** What is to be taken away. */
  of: string[];
  load: () => Promise<Schemas['Effects']>;
}

/** What a change would end. */
export function Effects(props: EffectsProps): ReactNode {
  return (
    <Suspense fallback={null}>
      <EffectsText {...props} />
    </Suspense>
  );
}
