import { AlertDialog } from '@base-ui/react/alert-dialog';
import { Dialog } from '@base-ui/react/dialog';
import { useId, useState } from 'react';
import type { ReactNode, SubmitEvent } from 'react';
import { useTexts } from '../language';
import { Failure } from './failure';
import style from './dialog.module.css';

/** A field of a form, whose value is a text. */
export interface Field {
  name: string;
  label: string;
  value?: string;
  type?: 'text' | 'email' | 'multiline';
  isOptional?: boolean;
  maxLength?: number;
}

interface FormDialogProps {
  /** The text of the button that opens the dialog. */
  label: string;
  title: string;
  kind?: 'main';
  fields?: Field[];
  /** Further controls, which keep their values themselves. */
  children?: ReactNode;
  /** Does what the form asks for. If it throws, the dialog stays open and says why. */
  onSubmit: (values: Record<string, string>) => Promise<void>;
}

/** A button that opens a form. */
export function FormDialog({ label, title, kind, fields = [], children, onSubmit }: FormDialogProps): ReactNode {
  const { t } = useTexts();
  const [isOpen, setIsOpen] = useState(false);
  const { attempt, error, isBusy } = useAttempt(() => setIsOpen(false));
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const values = Object.fromEntries(
      [...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value)]),
    );
    attempt(() => onSubmit(values));
  };
  return (
    <Dialog.Root open={isOpen} onOpenChange={setIsOpen}>
      <Dialog.Trigger data-kind={kind}>{label}</Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Backdrop className={style.backdrop} />
        <Dialog.Popup className={style.popup}>
          <Dialog.Title className={style.title}>{title}</Dialog.Title>
          <form onSubmit={submit}>
            {fields.map((field) => (
              <FieldOf key={field.name} {...field} />
            ))}
            {children}
            {error !== null && <Failure error={error} />}
            <div className={style.buttons}>
              <button type="submit" data-kind="main" disabled={isBusy}>
                {t('save')}
              </button>
              <Dialog.Close>{t('cancel')}</Dialog.Close>
            </div>
          </form>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

interface ConfirmDialogProps {
  label: string;
  /** The name of the button for screen readers, if several have the same text. */
  accessibleLabel?: string;
  kind?: 'danger';
  /** What will happen. */
  question: string;
  onConfirm: () => Promise<void>;
}

/** A button that does something only after a question. */
export function ConfirmDialog({ label, accessibleLabel, kind, question, onConfirm }: ConfirmDialogProps): ReactNode {
  const { t } = useTexts();
  const [isOpen, setIsOpen] = useState(false);
  const { attempt, error, isBusy } = useAttempt(() => setIsOpen(false));
  return (
    <AlertDialog.Root open={isOpen} onOpenChange={setIsOpen}>
      <AlertDialog.Trigger data-kind={kind} aria-label={accessibleLabel}>
        {label}
      </AlertDialog.Trigger>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className={style.backdrop} />
        <AlertDialog.Popup className={style.popup}>
          <AlertDialog.Title className={style.title}>{label}</AlertDialog.Title>
          <AlertDialog.Description>{question}</AlertDialog.Description>
          {error !== null && <Failure error={error} />}
          <div className={style.buttons}>
            <button type="button" data-kind={kind ?? 'main'} disabled={isBusy} onClick={() => attempt(onConfirm)}>
              {label}
            </button>
            <AlertDialog.Close>{t('cancel')}</AlertDialog.Close>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}

/** One attempt at a time, and the error of the last one. */
function useAttempt(onDone: () => void): {
  attempt: (work: () => Promise<void>) => void;
  error: unknown;
  isBusy: boolean;
} {
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setIsBusy] = useState(false);
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    setIsBusy(true);
    setError(null);
    try {
      await work();
      onDone();
    } catch (failure) {
      setError(failure);
    } finally {
      setIsBusy(false);
    }
  };
  return { attempt: (work) => void attempt(work), error, isBusy };
}

function FieldOf({ name, label, value, type = 'text', isOptional = false, maxLength = 255 }: Field): ReactNode {
  const { t } = useTexts();
  const id = useId();
  const common = { id, name, defaultValue: value, required: !isOptional, maxLength };
  return (
    <>
      <label htmlFor={id} className={style.label}>
        {isOptional ? t('optional', { field: label }) : label}
      </label>
      {type === 'multiline' ? <textarea {...common} rows={4} /> : <input {...common} type={type} autoComplete="off" />}
    </>
  );
}
