import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

/** Prometheus metrics of one server; `/metrics` prints them. Queue, lag and bus are measured when asked, the rest is kept by its owners. */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    requests: new Counter({ name: 'sentrial_http_requests_total', help: 'HTTP requests answered', labelNames: ['method', 'route', 'status'], registers }),
    requestSeconds: new Histogram({
      name: 'sentrial_http_request_seconds',
      help: 'Time to answer an HTTP request',
      labelNames: ['route'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    }),
    flushRows: new Histogram({ name: 'sentrial_flush_rows', help: 'Changes committed by one flush', buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000], registers }),
    flushSeconds: new Histogram({
      name: 'sentrial_flush_seconds',
      help: 'Time of one flush, from sending to commit',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers,
    }),
    flushRetries: new Counter({ name: 'sentrial_flush_retries_total', help: 'Flushes tried again because the database did not answer', registers }),
    outcomes: new Counter({ name: 'sentrial_changes_total', help: 'Changes settled', labelNames: ['kind', 'outcome'], registers }),
    queueRows: new Gauge({ name: 'sentrial_queue_rows', help: 'Changes waiting for a flush', registers }),
    queueBytes: new Gauge({ name: 'sentrial_queue_bytes', help: 'Bytes waiting for a flush', registers }),
    hubFeeds: new Gauge({ name: 'sentrial_hub_feeds', help: 'Projects with a live reader on this server', registers }),
    hubLag: new Gauge({ name: 'sentrial_hub_lag_positions', help: 'How far the slowest feed is behind the newest known position', registers }),
    hubReads: new Counter({ name: 'sentrial_hub_reads_total', help: 'Reads of the database by the hub', labelNames: ['why'], registers }),
    subscribers: new Gauge({ name: 'sentrial_subscribers', help: 'Open subscriptions', labelNames: ['stream'], registers }),
    sockets: new Gauge({ name: 'sentrial_websockets', help: 'Open WebSocket connections', registers }),
    databaseUp: new Gauge({ name: 'sentrial_database_up', help: '1 when the database answered last', registers }),
    busUp: new Gauge({ name: 'sentrial_bus_up', help: '1 when the bus is connected', registers }),
    busDropped: new Counter({ name: 'sentrial_bus_dropped_total', help: 'Bus messages that could not be sent', registers }),
  };
}
