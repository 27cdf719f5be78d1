import { Global, Module } from '@nestjs/common';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { MeasuredDatabase } from '../database/measured.database.js';
import { openDataSource } from '../database/open.js';
import { dataSourceOptions } from './data-source.js';
import { PostgresDatabase } from '../database/postgres.database.js';
import { SqliteDatabase } from '../database/sqlite.database.js';

@Global()
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [Settings],
      // The code that opens the database waits for it and reports failures in one line.
      useFactory: (settings: Settings) => ({ ...dataSourceOptions(settings), toRetry: () => false }),
      dataSourceFactory: (options) => openDataSource(options!),
    }),
  ],
  providers: [
    {
      provide: Database,
      inject: [getDataSourceToken()],
      useFactory: async (dataSource: DataSource): Promise<Database> =>
        new MeasuredDatabase(
          dataSource.options.type === 'postgres'
            ? new PostgresDatabase(dataSource)
            : await SqliteDatabase.open(dataSource),
        ),
    },
  ],
  exports: [Database],
})
export class DatabaseModule {}
