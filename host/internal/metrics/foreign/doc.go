// Package foreign takes over the metrics of plugins.
//
// A [Collector] asks all plugins when somebody scrapes, and only then: nobody pays for metrics that
// nobody reads. Scrapes that overlap share one round of questions. What plugins answer is foreign and
// bounded; what passes is shown with the label plugin, and what does not is dropped, counted, and logged
// once per reason and generation of the plugin.
//
// # Invariants
//
//   - A scrape waits for plugins no longer than [Timeout], whatever they do.
//   - What passes fits into any registry beside the host's own families: a scrape never fails because of
//     a plugin. Names of families belong to one plugin each, by [sdk.MetricPrefix]; series are not there
//     twice; types, labels and values are what the text format can say.
//   - Between scrapes nothing of an answer is kept. During one, an answer has at most [sdk.MaxMetrics]
//     bytes, and is not parsed at all when it has so many lines or labels that they would take a multiple of that.
package foreign
