package task

// A Selector chooses by labels; all of its parts must hold. An empty selector matches everything.
type Selector struct {
	MatchLabels      map[string]string `json:"matchLabels,omitempty"`
	MatchExpressions []Requirement     `json:"matchExpressions,omitempty"`
}

// A Requirement is one condition on one label.
type Requirement struct {
	Key      string   `json:"key"`
	Operator Operator `json:"operator"`
	Values   []string `json:"values,omitempty"` // for In and NotIn at least one, for the others none
}

// An Operator names a condition.
type Operator string

// The operators.
const (
	In           Operator = "In"           // the label is there with one of the values
	NotIn        Operator = "NotIn"        // the label is not there, or has another value
	Exists       Operator = "Exists"       // the label is there
	DoesNotExist Operator = "DoesNotExist" // the label is not there
)
