import { collectDefaultMetrics } from 'prom-client';
import { registry } from './series.js';

/** Default metrics whose labels come and go with the process, or whose many series nobody needs. */
const LEFT_OUT = [
  'nodejs_active_handles',
  'nodejs_active_requests',
  'nodejs_active_resources',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  'nodejs_gc_duration_seconds',
  'nodejs_heap_space_size_total_bytes',
  'nodejs_heap_space_size_used_bytes',
  'nodejs_heap_space_size_available_bytes',
];

/** Adds the metrics of the process: CPU, memory, files and the delay of the event loop. */
export function measureProcess(): void {
  if (registry.getSingleMetric('process_cpu_seconds_total')) return;
  collectDefaultMetrics({ register: registry });
  for (const name of LEFT_OUT) registry.removeSingleMetric(name);
}
