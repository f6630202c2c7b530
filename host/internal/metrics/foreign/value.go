package foreign

import (
	"math"

	dto "github.com/prometheus/client_model/go"

	"github.com/soltihq/solti-host/sdk"
)

// sound reports whether a series has a value that its type can have.
func sound(t dto.MetricType, m *dto.Metric) bool {
	switch t {
	case dto.MetricType_COUNTER:
		v := m.GetCounter().GetValue()
		return m.Counter != nil && v >= 0 && !math.IsInf(v, 1)
	case dto.MetricType_GAUGE:
		return m.Gauge != nil
	case dto.MetricType_SUMMARY:
		return m.Summary != nil && soundQuantiles(m.Summary.Quantile)
	case dto.MetricType_HISTOGRAM:
		return m.Histogram != nil && soundBuckets(m.Histogram)
	default:
		return false
	}
}

// soundQuantiles wants quantiles between 0 and 1 that grow.
func soundQuantiles(all []*dto.Quantile) bool {
	last := math.Inf(-1)
	for _, q := range all {
		if v := q.GetQuantile(); !(v > last && v >= 0 && v <= 1) {
			return false
		}
		last = q.GetQuantile()
	}
	return len(all) <= sdk.MaxMetricBuckets
}

// soundBuckets wants bounds that grow, and counts that do not shrink up to that of the whole.
func soundBuckets(h *dto.Histogram) bool {
	bound, count := math.Inf(-1), uint64(0)
	for i, b := range h.Bucket {
		if v := b.GetUpperBound(); !(v > bound || i == 0 && v == bound) || b.GetCumulativeCount() < count {
			return false
		}
		bound, count = b.GetUpperBound(), b.GetCumulativeCount()
	}
	if math.IsInf(bound, 1) && count != h.GetSampleCount() {
		return false
	}
	return count <= h.GetSampleCount() && len(h.Bucket) <= sdk.MaxMetricBuckets
}
