import { useId, useState } from 'react';
import type { ReactNode } from 'react';
import type PersonPicker from './person-picker';
import style from './person-picker.module.css';

interface PersonFieldProps {
  label: string;
  /** The reference that the field has at first. */
  initial: string;
  isOptional?: boolean;
  onPick: (reference: string) => void;
}

/**
 * A field for a person on a page that shows it at once. What finds people by name is large, and is loaded when somebody
 * goes to the field.
 */
export function PersonField(props: PersonFieldProps): ReactNode {
  const [Picker, setPicker] = useState<typeof PersonPicker | null>(null);
  const [text, setText] = useState(props.initial);
  const [hasFocus, setHasFocus] = useState(false);
  if (Picker)
    return (
      <div>
        <Picker {...props} typed={{ text, hasFocus }} />
      </div>
    );
  return (
    <PlainField
      {...props}
      text={text}
      onFocus={() => {
        setHasFocus(true);
        void import('./person-picker').then((loaded) => setPicker(() => loaded.default));
      }}
      onBlur={() => setHasFocus(false)}
      onChange={(typed) => {
        setText(typed);
        props.onPick(typed.trim());
      }}
    />
  );
}

interface PlainFieldProps extends PersonFieldProps {
  text: string;
  onFocus: () => void;
  onBlur: () => void;
  onChange: (text: string) => void;
}

function PlainField({ label, text, isOptional = false, onFocus, onBlur, onChange }: PlainFieldProps): ReactNode {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className={style.label}>
        {label}
      </label>
      <input
        id={id}
        value={text}
        required={!isOptional}
        autoComplete="off"
        onFocus={onFocus}
        onBlur={onBlur}
        onChange={({ target }) => onChange(target.value)}
      />
    </div>
  );
}
