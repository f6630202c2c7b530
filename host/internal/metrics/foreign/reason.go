package foreign

// A Result is what came of asking a plugin.
type Result string

// Everything that may come of it.
const (
	OK        Result = "ok"        // an answer, of which some may have been dropped
	Late      Result = "late"      // no answer in time
	Failed    Result = "failed"    // an error instead of an answer, or the plugin's end
	TooLarge  Result = "tooLarge"  // more bytes, lines or labels than are read
	Malformed Result = "malformed" // not the Prometheus text format in UTF-8
)

// Results are all results.
var Results = []Result{OK, Late, Failed, TooLarge, Malformed}

// A Reason says why series are dropped.
type Reason string

// All that is wrong with a family or a series.
const (
	BadName   Reason = "name"      // of the family: not the plugin's own, or too long
	BadType   Reason = "type"      // none of counter, gauge, histogram, summary
	BadHelp   Reason = "help"      // too long
	BadLabel  Reason = "label"     // too many, too long, or one of plugin, le, quantile
	BadValue  Reason = "value"     // a counter below zero, buckets that do not add up
	BadTime   Reason = "time"      // a series says when it was measured
	Duplicate Reason = "duplicate" // a series is there twice
	TooMany   Reason = "limit"     // families or series beyond the limit
)

// Reasons are all reasons.
var Reasons = []Reason{BadName, BadType, BadHelp, BadLabel, BadValue, BadTime, Duplicate, TooMany}
