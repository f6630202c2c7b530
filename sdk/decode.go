package sdk

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Decode reads the workload's spec into v, a pointer to a struct with json tags. It is strict: names
// match exactly, and unknown fields, duplicate names and wrong types are errors of the kind
// [InvalidSpec] that name the field. A [time.Duration] is written as a string such as 90s.
func (s *Spec) Decode(v any) error {
	err := json.Unmarshal(s.Raw, v,
		json.RejectUnknownMembers(true),
		json.WithUnmarshalers(json.UnmarshalFunc(decodeDuration)))
	if err == nil {
		return nil
	}
	return decodeViolation(err)
}

func decodeDuration(data []byte, d *time.Duration) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return errors.New("must be a string such as 90s")
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 90s", text)
	}
	*d = parsed
	return nil
}

func decodeViolation(err error) error {
	var syntax *jsontext.SyntacticError
	var semantic *json.SemanticError
	switch {
	case errors.As(err, &syntax):
		return InvalidSpec(dotted(syntax.JSONPointer), "%v", syntax.Err)
	case errors.As(err, &semantic):
		return InvalidSpec(dotted(semantic.JSONPointer), "%s", semanticText(semantic))
	default:
		return InvalidSpec("", "%v", err)
	}
}

func semanticText(e *json.SemanticError) string {
	switch {
	case errors.Is(e.Err, json.ErrUnknownName):
		return "unknown field"
	case e.Err != nil:
		return e.Err.Error()
	case e.GoType != nil:
		return fmt.Sprintf("a JSON %s does not fit here, want %s", e.JSONKind, wanted(e))
	default:
		return fmt.Sprintf("a JSON %s does not fit here", e.JSONKind)
	}
}

// dotted turns a JSON pointer such as /args/1 into args[1].
func dotted(p jsontext.Pointer) string {
	var b strings.Builder
	for token := range p.Tokens() {
		switch {
		case token != "" && strings.Trim(token, "0123456789") == "":
			b.WriteString("[" + token + "]")
		case b.Len() == 0:
			b.WriteString(token)
		default:
			b.WriteString("." + token)
		}
	}
	return b.String()
}
