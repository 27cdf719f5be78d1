import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { createApp } from './app.setup.js';
import { loadSettings, SettingsError } from './config/settings.js';
import { DemoService } from './demo/demo.service.js';

async function main(): Promise<void> {
  const settings = loadSettings(process.env);
  const app = await createApp(settings);
  await app.listen(settings.PORT, settings.HOST);
  const url = settings.PUBLIC_URL;
  new Logger('Latchkey').log(`Ready on ${await app.getUrl()}, public URL ${url}`);
  if (settings.NODE_ENV === 'development') process.stdout.write(await app.get(DemoService).welcome());
}

main().catch((error: unknown) => {
  const expected = error instanceof SettingsError || (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
  process.stderr.write(`Latchkey did not start. ${expected ? (error as Error).message : String((error as Error).stack ?? error)}\n`);
  process.exit(1);
});
