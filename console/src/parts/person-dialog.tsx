import { lazy, Suspense, useState } from 'react';
import type { ReactNode } from 'react';
import { useTexts } from '../language';
import { FormDialog } from './dialog';
import type { Field } from './dialog';

/** It is only loaded when the dialog opens, because it is as large as all other parts together. */
const PersonPicker = lazy(() => import('./person-picker'));

interface PersonDialogProps {
  /** The text of the button, and the title of the dialog. */
  label: string;
  fields?: Field[];
  /** @param reference how the API names the person who was picked */
  onSubmit: (reference: string, values: Record<string, string>) => Promise<void>;
}

/** A button that opens a form for a person. */
export function PersonDialog({ label, fields, onSubmit }: PersonDialogProps): ReactNode {
  const { t } = useTexts();
  const [reference, setReference] = useState('');
  return (
    <FormDialog label={label} title={label} fields={fields} onSubmit={(values) => onSubmit(reference, values)}>
      <Suspense fallback={<p role="status">{t('loading')}</p>}>
        <PersonPicker onPick={setReference} />
      </Suspense>
    </FormDialog>
  );
}
