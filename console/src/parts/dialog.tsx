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
  type?: 'text' | 'email' | 'multiline' | 'datetime-local';
  /** The values to choose from, each with its text. */
  options?: [value: string, text: string][];
  /** What to write, if the label does not say it. */
  hint?: string;
  isOptional?: boolean;
  maxLength?: number;
}

interface FormDialogProps {
  /** The text of the button that opens the dialog. */
  label: string;
  /** The name of the button for screen readers, if several have the same text. */
  accessibleLabel?: string;
  title: string;
  kind?: 'main';
  /** The text of the button that sends the form, if it saves nothing. */
  submitLabel?: string;
  fields?: Field[];
  /** Further controls. They keep their values themselves, or have names as fields do. */
  children?: ReactNode;
  /**
   * Does what the form asks for. If it throws, the dialog stays open and says why. Several values of one name, such as
   * those of checkboxes, are the lines of one text.
   */
  onSubmit: (values: Record<string, string>) => Promise<void>;
}

/** A button that opens a form. */
export function FormDialog({
  label,
  accessibleLabel,
  title,
  kind,
  submitLabel,
  fields = [],
  children,
  onSubmit,
}: FormDialogProps): ReactNode {
  const { t } = useTexts();
  const [isOpen, setIsOpen] = useState(false);
  const { attempt, error, isBusy } = useAttempt(() => setIsOpen(false));
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const values = Object.fromEntries([...data.keys()].map((name) => [name, data.getAll(name).join('\n')]));
    attempt(() => onSubmit(values));
  };
  return (
    <Dialog.Root open={isOpen} onOpenChange={setIsOpen}>
      <Dialog.Trigger data-kind={kind} aria-label={accessibleLabel}>
        {label}
      </Dialog.Trigger>
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
                {submitLabel ?? t('save')}
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
  /** What more there is to know, such as what it ends. */
  children?: ReactNode;
  onConfirm: () => Promise<void>;
}

/** A button that does something only after a question. */
export function ConfirmDialog({
  label,
  accessibleLabel,
  kind,
  question,
  children,
  onConfirm,
}: ConfirmDialogProps): ReactNode {
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
          {children}
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

function FieldOf({ name, label, hint, ...field }: Field): ReactNode {
  const { t } = useTexts();
  const id = useId();
  const hintId = useId();
  return (
    <>
      <label htmlFor={id} className={style.label}>
        {field.isOptional ? t('optional', { field: label }) : label}
      </label>
      <Control id={id} name={name} aria-describedby={hint && hintId} {...field} />
      {hint && <small id={hintId}>{hint}</small>}
    </>
  );
}

function Control({
  value,
  type = 'text',
  options,
  isOptional = false,
  maxLength = 255,
  ...common
}: Omit<Field, 'label' | 'hint'> & { id: string; 'aria-describedby'?: string }): ReactNode {
  const given = { ...common, defaultValue: value, required: !isOptional };
  if (options)
    return (
      <select {...given}>
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
    );
  if (type === 'multiline') return <textarea {...given} maxLength={maxLength} rows={4} />;
  return <input {...given} maxLength={maxLength} type={type} autoComplete="off" />;
}
