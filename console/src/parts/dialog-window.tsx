import { AlertDialog } from '@base-ui/react/alert-dialog';
import { Dialog } from '@base-ui/react/dialog';
import { useId, useState } from 'react';
import type { ReactNode, SubmitEvent } from 'react';
import { useTexts } from '../language';
import type { ConfirmProps, Field, FormProps } from './dialog';
import { Failure } from './failure';
import style from './dialog.module.css';

/** A form in a window, which is open until `onClose`. */
export function FormWindow({
  title,
  submitLabel,
  fields = [],
  children,
  onSubmit,
  onClose,
}: FormProps & { onClose: () => void }): ReactNode {
  const { t } = useTexts();
  const { attempt, error, isBusy } = useAttempt(onClose);
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const values = Object.fromEntries([...data.keys()].map((name) => [name, data.getAll(name).join('\n')]));
    attempt(() => onSubmit(values));
  };
  return (
    <Dialog.Root open onOpenChange={onClose}>
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

/** A question in a window, which is open until `onClose`. */
export function ConfirmWindow({
  label,
  kind,
  question,
  children,
  onConfirm,
  onClose,
}: ConfirmProps & { onClose: () => void }): ReactNode {
  const { t } = useTexts();
  const { attempt, error, isBusy } = useAttempt(onClose);
  return (
    <AlertDialog.Root open onOpenChange={onClose}>
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
