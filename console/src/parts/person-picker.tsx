import { Combobox } from '@base-ui/react/combobox';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useId, useLayoutEffect, useRef, useState } from 'react';
import type { KeyboardEvent, ReactNode } from 'react';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import options from './options.module.css';
import style from './person-picker.module.css';

type User = Schemas['User'];

interface PersonPickerProps {
  onPick: (reference: string) => void;
  /** What the field asks for, if not simply for a person. */
  label?: string;
  /** The reference that the field has at first. */
  initial?: string;
  isOptional?: boolean;
  /** What stands in a field in which somebody is typing, whose place this one takes. */
  typed?: { text: string; hasFocus: boolean };
}

/**
 * Finds a person by name, or takes any other reference as it is typed. The list stands below the field and moves what
 * follows it: over the page it would cover the button that sends the form.
 */
export default function PersonPicker({
  onPick,
  label: given,
  initial,
  isOptional = false,
  typed,
}: PersonPickerProps): ReactNode {
  const { t } = useTexts();
  const label = given ?? t('personOrReference');
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const hasFocus = typed?.hasFocus === true;
  useLayoutEffect(() => {
    const { current } = field;
    if (!hasFocus || !current) return;
    current.focus();
    current.setSelectionRange(current.value.length, current.value.length);
  }, [hasFocus]);
  const searched = hasFocus && typed.text !== initial ? typed.text : '';
  const [text, setText] = useState(typed?.text ?? initial ?? '');
  const [query, setQuery] = useState(searched);
  const [isOpen, setIsOpen] = useState(searched !== '');
  const { data = [] } = useQuery({
    queryKey: ['people', 'pick', query],
    queryFn: async () => {
      const params = { path: { id: 'self' }, query: { query, resultSize: 10 } };
      return (await dataOf(api.GET('/api/2.1.1/organizations/{id}/accounts', { params }))).accounts;
    },
    enabled: query.trim() !== '',
    placeholderData: keepPreviousData,
  });
  const isShown = isOpen && query.trim() !== '' && data.length > 0;
  const escape = (event: KeyboardEvent): void => {
    if (!isShown || event.key !== 'Escape') return;
    setIsOpen(false);
    // The first Escape is for the list, and the next one for the dialog around it.
    event.stopPropagation();
  };
  return (
    <Combobox.Root<User>
      inline
      items={data}
      inputValue={text}
      filter={null}
      open={isShown}
      onOpenChange={setIsOpen}
      itemToStringLabel={({ name }) => name}
      isItemEqualToValue={(one, other) => one.id === other.id}
      onInputValueChange={(value, { reason }) => {
        // Escape empties the field.
        if (reason !== 'input-change' && reason !== 'escape-key') return;
        setText(value);
        setQuery(value);
        setIsOpen(true);
        onPick(value.trim());
      }}
      onValueChange={(user) => {
        if (!user) return;
        setText(user.name);
        onPick(user.id);
      }}
    >
      <label htmlFor={id} className={style.label}>
        {label}
      </label>
      <Combobox.Input
        id={id}
        aria-expanded={isShown}
        required={!isOptional}
        autoComplete="off"
        ref={field}
        onKeyDown={escape}
        // A button that is pressed must not move away from the pointer, so the list stays for that.
        onBlur={({ relatedTarget }) => relatedTarget?.matches('input, select, textarea') && setIsOpen(false)}
      />
      {isShown && (
        <Combobox.List className={style.list} aria-label={t('people')}>
          {(user: User) => (
            <Combobox.Item key={user.id} value={user} className={options.item}>
              {user.name} <small>{user.emailAddress}</small>
            </Combobox.Item>
          )}
        </Combobox.List>
      )}
    </Combobox.Root>
  );
}
