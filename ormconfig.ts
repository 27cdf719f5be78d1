import './src/supported-node.js';
import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { loadSettings } from './src/config/settings.js';
import { dataSourceOptions } from './src/schema/data-source.js';

/** The data source for TypeORM's command line. The service makes its own from the same options. */
export default new DataSource(dataSourceOptions(loadSettings(process.env)));
