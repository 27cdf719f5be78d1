import { lazy, Suspense, useState } from 'react';
import type { ReactNode } from 'react';

/** The windows are loaded when somebody is about to open one, because they are a sixth of what a page may load. */
const load = (): Promise<typeof import('./dialog-window')> => import('./dialog-window');
const FormWindow = lazy(async () => ({ default: (await load()).FormWindow }));
const ConfirmWindow = lazy(async () => ({ default: (await load()).ConfirmWindow }));

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

export interface FormProps {
  title: string;
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

interface OpenerProps {
  /** The text of the button that opens the dialog. */
  label: string;
  /** The name of the button for screen readers, if several have the same text. */
  accessibleLabel?: string;
  kind?: 'main' | 'danger';
}

/** A button that opens a form. */
export function FormDialog({ label, accessibleLabel, kind, ...form }: OpenerProps & FormProps): ReactNode {
  return (
    <Opener label={label} accessibleLabel={accessibleLabel} kind={kind}>
      {(close) => <FormWindow {...form} onClose={close} />}
    </Opener>
  );
}

export interface ConfirmProps {
  label: string;
  kind?: 'danger';
  /** What will happen. */
  question: string;
  /** What more there is to know, such as what it ends. */
  children?: ReactNode;
  onConfirm: () => Promise<void>;
}

/** A button that does something only after a question. */
export function ConfirmDialog({
  accessibleLabel,
  ...question
}: Pick<OpenerProps, 'accessibleLabel'> & ConfirmProps): ReactNode {
  return (
    <Opener label={question.label} accessibleLabel={accessibleLabel} kind={question.kind}>
      {(close) => <ConfirmWindow {...question} onClose={close} />}
    </Opener>
  );
}

function Opener({
  label,
  accessibleLabel,
  kind,
  children,
}: OpenerProps & { children: (close: () => void) => ReactNode }): ReactNode {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        data-kind={kind}
        aria-label={accessibleLabel}
        aria-haspopup="dialog"
        aria-expanded={isOpen}
        onPointerEnter={() => void load()}
        onFocus={() => void load()}
        onClick={() => setIsOpen(true)}
      >
        {label}
      </button>
      <Suspense>{isOpen && children(() => setIsOpen(false))}</Suspense>
    </>
  );
}
