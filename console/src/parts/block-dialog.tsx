import type { ReactNode } from 'react';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { ConfirmDialog } from './dialog';

interface BlockDialogProps {
  account: Pick<Schemas['User'], 'name' | 'status'>;
  /** What blocking the account does. */
  question: string;
  onChange: (changes: Schemas['UserChanges']) => Promise<void>;
}

/** A button that blocks an account, or unblocks one that is blocked. */
export function BlockDialog({ account: { name, status }, question, onChange }: BlockDialogProps): ReactNode {
  const { t } = useTexts();
  // The keys keep the open dialog of one button from becoming that of the other when the account changes.
  return status === 'ACTIVE' ? (
    <ConfirmDialog
      key="block"
      label={t('block')}
      kind="danger"
      question={question}
      onConfirm={() => onChange({ status: 'BLOCKED' })}
    />
  ) : (
    <ConfirmDialog
      key="unblock"
      label={t('unblock')}
      question={t('unblockQuestion', { name })}
      onConfirm={() => onChange({ status: 'ACTIVE' })}
    />
  );
}
