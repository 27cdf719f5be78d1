import { CSPProvider } from '@base-ui/react/csp-provider';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Router } from 'wouter';
import { App } from './app';
import { isWorthRepeating } from './api';
import { LanguageProvider, loadLanguage } from './language';
import { ME } from './me';
import { loadPage } from './pages';
import { applyTheme, chosenTheme } from './theme';
import './style.css';

applyTheme(chosenTheme());

const queries = new QueryClient({
  defaultOptions: {
    queries: { retry: (failures, error) => failures < 2 && isWorthRepeating(error), staleTime: 5_000 },
  },
});

// All that the first page needs is loaded at once. React would show each part that came later 300 ms after the one before.
// What fails is tried again by the page, which shows the failure.
const path = location.pathname.replace(/^\/console/, '') || '/';
await Promise.allSettled([queries.prefetchQuery(ME), loadLanguage(), loadPage(path, queries)]);

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    {/* The Content-Security-Policy refuses the <style> elements that some components would add. */}
    <CSPProvider disableStyleElements>
      <QueryClientProvider client={queries}>
        <LanguageProvider>
          <Router base="/console">
            <App />
          </Router>
        </LanguageProvider>
      </QueryClientProvider>
    </CSPProvider>
  </StrictMode>,
);
