import { lazy, Suspense, useEffect, useState } from 'react';
import type { ReactNode } from 'react';
import { Link, Redirect, Route, Switch, useRoute } from 'wouter';
import { signOut } from './api';
import { LANGUAGE_NAMES, useTexts } from './language';
import type { Language } from './language';
import { MeContext, useLoadedMe } from './me';
import type { Me } from './me';
import { PAGES } from './pages';
import type { Page } from './pages';
import { Failure } from './parts/failure';
import { Heading } from './parts/heading';
import { isDialogOpen } from './parts/open-dialog';
import { chooseTheme, chosenTheme, THEMES } from './theme';
import type { Theme } from './theme';
import style from './app.module.css';

export function App(): ReactNode {
  const { t } = useTexts();
  const { me, error } = useLoadedMe();
  if (error) return <Main>{<Failure error={error} />}</Main>;
  if (!me) return <Main>{<p role="status">{t('loading')}</p>}</Main>;
  const pages = PAGES.filter(({ isFor }) => isFor(me));
  return (
    <MeContext value={me}>
      <a className={style.skip} href="#main">
        {t('skipToContent')}
      </a>
      <Header me={me}>{pages.some(({ label }) => label) && <Find paths={pages.map(({ path }) => path)} />}</Header>
      <Main>
        <Suspense fallback={<p role="status">{t('loading')}</p>}>
          <Switch>
            {pages.map(({ path, chunk }) => (
              <Route key={path} path={path}>
                <LoadedPage chunk={chunk} />
              </Route>
            ))}
            <Route path="/">
              <Redirect to="/account" replace />
            </Route>
            <Route>
              <Nothing title={t('noPage')} />
            </Route>
          </Switch>
        </Suspense>
      </Main>
    </MeContext>
  );
}

function LoadedPage({ chunk }: Pick<Page, 'chunk'>): ReactNode {
  const { default: Content } = chunk.read();
  return <Content />;
}

function Main({ children }: { children: ReactNode }): ReactNode {
  return (
    <main id="main" className={style.main} tabIndex={-1}>
      {children}
    </main>
  );
}

function Nothing({ title }: { title: string }): ReactNode {
  const { t } = useTexts();
  return (
    <>
      <Heading>{title}</Heading>
      <p>{t('askAdministrator')}</p>
    </>
  );
}

/** It is only loaded when it is opened. */
const LookupDialog = lazy(() => import('./lookup/lookup-dialog'));

/** The box that finds what an ID or a name stands for, behind a button and a key. */
function Find({ paths }: { paths: string[] }): ReactNode {
  const { t } = useTexts();
  const [isOpen, setIsOpen] = useState(false);
  useEffect(() => {
    const open = (event: KeyboardEvent): void => {
      if (event.key !== 'k' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      // What another dialog asks comes first.
      if (!isDialogOpen()) setIsOpen(true);
    };
    addEventListener('keydown', open);
    return () => removeEventListener('keydown', open);
  }, []);
  return (
    <>
      <button type="button" onClick={() => setIsOpen(true)}>
        {t('find')}
      </button>
      <Suspense>{isOpen && <LookupDialog paths={paths} onClose={() => setIsOpen(false)} />}</Suspense>
    </>
  );
}

function Header({ me, children }: { me: Me; children: ReactNode }): ReactNode {
  const { t, language, choose } = useTexts();
  return (
    <header className={style.header}>
      <Link href="/" className={style.brand}>
        Latchkey
      </Link>
      <nav aria-label={t('navigation')} className={style.nav}>
        {PAGES.map(({ path, label, isFor }) =>
          label && isFor(me) ? (
            <NavLink key={path} href={path}>
              {t(label)}
            </NavLink>
          ) : null,
        )}
      </nav>
      {children}
      <details className={style.account} name="account">
        <summary>{me.user.name}</summary>
        <div className={style.menu}>
          <p>{me.user.organization?.name}</p>
          <label>
            {t('language')}
            <select value={language} onChange={(event) => choose(event.target.value as Language)}>
              {LANGUAGE_NAMES.map(({ code, name }) => (
                <option key={code} value={code} lang={code}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <label>
            {t('appearance')}
            <select defaultValue={chosenTheme()} onChange={(event) => chooseTheme(event.target.value as Theme)}>
              {THEMES.map((theme) => (
                <option key={theme} value={theme}>
                  {t(`theme_${theme}`)}
                </option>
              ))}
            </select>
          </label>
          <p>
            <Link
              href="/account"
              onClick={({ currentTarget }) => currentTarget.closest('details')?.removeAttribute('open')}
            >
              {t('myAccount')}
            </Link>
          </p>
          <button type="button" onClick={() => void signOut()}>
            {t('signOut')}
          </button>
        </div>
      </details>
    </header>
  );
}

/** The page that is open, or the one above it, is the current one. */
function NavLink({ href, children }: { href: string; children: ReactNode }): ReactNode {
  const [isCurrent] = useRoute(href === '/' ? href : `${href}/*?`);
  return (
    <Link href={href} aria-current={isCurrent ? 'page' : undefined}>
      {children}
    </Link>
  );
}
