import type { ReactNode } from 'react';
import { ConfirmDialog } from '../parts/dialog';
import { Effects } from './effects';
import type { EffectsProps } from './effects';
import { useRightsTexts } from './rights-texts';

interface TakeAwayProps extends EffectsProps {
  /** Who has the right. */
  name: string;
  /** The right, in the reader's language. */
  permission: string;
  onConfirm: () => Promise<void>;
}

/** A button that takes a right away, and says before what that ends. */
export function TakeAway({ name, permission, onConfirm, ...effects }: TakeAwayProps): ReactNode {
  const { t } = useRightsTexts();
  const names = { name, permission };
  return (
    <ConfirmDialog
      label={t('takeAway')}
      accessibleLabel={t('takeAwayFrom', names)}
      kind="danger"
      question={t('takeAwayQuestion', names)}
      onConfirm={onConfirm}
    >
      <Effects {...effects} />
    </ConfirmDialog>
  );
}
