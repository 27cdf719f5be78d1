import { Autocomplete } from '@base-ui/react/autocomplete';
import { Dialog } from '@base-ui/react/dialog';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useId, useRef, useState } from 'react';
import type { KeyboardEvent, ReactNode } from 'react';
import { matchRoute, useLocation, useRouter } from 'wouter';
import { useMe } from '../me';
import dialog from '../parts/dialog.module.css';
import { Failure } from '../parts/failure';
import options from '../parts/options.module.css';
import { findById, findByName } from './find';
import type { Target } from './find';
import { useLookupTexts } from './lookup-texts';
import style from './lookup.module.css';

/** Milliseconds after the last key before names are searched. An ID is looked up at once. */
const TYPING_MS = 100;
/** The ID of a login, a request or a client is no name. */
const NO_NAME = /^[\da-f-]{32,36}$/i;

interface LookupDialogProps {
  /** The paths of the pages that this person has. */
  paths: string[];
  onClose: () => void;
}

/** Finds what an ID or a name stands for, and goes there. */
export default function LookupDialog({ paths, onClose }: LookupDialogProps): ReactNode {
  const { t, count } = useLookupTexts();
  const [, navigate] = useLocation();
  const id = useId();
  const [text, setText] = useState('');
  const q = text.trim();
  const { targets, best, error, isDone } = useTargets(q, paths);
  // Somebody pastes and presses Enter before the answer is there.
  const highlighted = useRef<Target>(undefined);
  const [isWaiting, setIsWaiting] = useState(false);
  const go = ({ href }: Target): void => {
    navigate(href);
    onClose();
  };
  useEffect(() => {
    if (!isWaiting) return;
    if (best) go(best);
    else if (isDone) setIsWaiting(false);
  }, [isWaiting, best, isDone]);
  const enter = ({ key }: KeyboardEvent): void => {
    if (key === 'Enter' && !highlighted.current) setIsWaiting(q !== '');
  };
  return (
    <Dialog.Root open onOpenChange={(isOpen) => !isOpen && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className={dialog.backdrop} />
        <Dialog.Popup className={`${dialog.popup} ${style.popup}`}>
          <Dialog.Title className={dialog.title}>{t('title')}</Dialog.Title>
          <Autocomplete.Root<Target>
            inline
            open
            items={targets}
            mode="none"
            autoHighlight="always"
            value={text}
            itemToStringValue={() => text}
            onItemHighlighted={(target) => void (highlighted.current = target)}
            onValueChange={(value, { reason }) => {
              if (reason === 'item-press') return;
              setIsWaiting(false);
              setText(value);
            }}
          >
            <label htmlFor={id} className={dialog.label}>
              {t('field')}
            </label>
            <Autocomplete.Input
              id={id}
              aria-describedby={`${id}-help`}
              autoComplete="off"
              spellCheck={false}
              onKeyDown={enter}
            />
            <small id={`${id}-help`}>{t('help')}</small>
            <p role="status" className={style.status}>
              {q !== '' && isDone && !error && (targets.length === 0 ? t('nothing') : count('results', targets.length))}
            </p>
            {error && <Failure error={error} />}
            <Autocomplete.List className={style.list} aria-label={t('title')}>
              {(target: Target) => (
                <Autocomplete.Item
                  key={`${target.type} ${target.id}`}
                  value={target}
                  className={`${options.item} ${style.item}`}
                  onClick={() => go(target)}
                >
                  {target.name}{' '}
                  <small>
                    {t(`type_${target.type}`, { name: target.name })}
                    {target.detail && ` · ${target.detail}`}
                  </small>
                </Autocomplete.Item>
              )}
            </Autocomplete.List>
          </Autocomplete.Root>
          <div className={dialog.buttons}>
            <Dialog.Close>{t('close')}</Dialog.Close>
          </div>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

interface Targets {
  targets: Target[];
  /** Where Enter leads: what the ID names, or else the first one with the name. */
  best: Target | undefined;
  error: Error | null;
  isDone: boolean;
}

/** What is found for a text, of what this person has pages for. */
function useTargets(q: string, paths: string[]): Targets {
  const { may } = useMe();
  const { parser } = useRouter();
  const paused = usePaused(q);
  const byId = useQuery({
    queryKey: ['lookup', q],
    queryFn: () => findById(q, may('MANAGE_SERVICE_ACCOUNTS')),
    enabled: q !== '',
  });
  const hasNames = q !== '' && !NO_NAME.test(q);
  const byName = useQuery({
    queryKey: ['lookup', 'names', q],
    queryFn: () => findByName(q),
    enabled: hasNames && paused === q,
  });
  const hasPage = ({ href }: Target): boolean =>
    paths.some((path) => matchRoute(parser, path, href.replace(/\?.*/, ''))[0]);
  const exact = (byId.data ?? []).filter(hasPage);
  const named = (byName.data ?? []).filter(
    (one) => hasPage(one) && !exact.some(({ type, id }) => type === one.type && id === one.id),
  );
  const isDone = q === '' || (byId.isFetched && (!hasNames || byName.isFetched));
  return {
    targets: [...exact, ...named],
    best: exact[0] ?? (isDone ? named[0] : undefined),
    error: byId.error ?? byName.error,
    isDone,
  };
}

/** The text, once nobody has typed for a moment. */
function usePaused(text: string): string {
  const [paused, setPaused] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setPaused(text), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return paused;
}
