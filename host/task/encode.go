package task

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
	"go.yaml.in/yaml/v3"
)

// asWritten makes the package's types appear as encoding/json writes them, with the members of maps
// in order and no escapes for HTML.
var asWritten = jsonv2.JoinOptions(
	jsonv2.Deterministic(true),
	jsonv1.OmitEmptyWithLegacySemantics(true),
	jsonv2.FormatNilSliceAsNull(false),
)

// JSON returns t as compact JSON. [Decode] of it is t without what the host makes.
func (t *Task) JSON() ([]byte, error) { return jsonv2.Marshal(t, asWritten) }

// EncodeJSON returns any value of this package, or one that holds such values, as compact JSON.
func EncodeJSON(v any) ([]byte, error) { return jsonv2.Marshal(v, asWritten) }

// EncodeYAML returns a value's JSON as one document in YAML, with keys in the order in which JSON
// has them. What [DecodeAll] reads from it is what it reads from the JSON.
func EncodeYAML(v any) ([]byte, error) {
	raw, err := jsonv2.Marshal(v, asWritten)
	if err != nil {
		return nil, err
	}
	node, err := yamlNode(jsontext.NewDecoder(bytes.NewReader(raw)))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(node); err != nil {
		return nil, err
	}
	err = enc.Close()
	return out.Bytes(), err
}

// yamlNode reads the next value.
func yamlNode(dec *jsontext.Decoder) (*yaml.Node, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case '{', '[':
		return yamlCollection(dec, tok.Kind())
	case '"':
		return yamlString(tok.String()), nil
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: tok.String()}, nil
	}
}

// yamlCollection reads an object or an array up to its end.
func yamlCollection(dec *jsontext.Decoder, kind jsontext.Kind) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	if kind == '[' {
		n.Kind = yaml.SequenceNode
	}
	for {
		switch dec.PeekKind() {
		case '}', ']':
			_, err := dec.ReadToken()
			if len(n.Content) == 0 {
				n.Style = yaml.FlowStyle
			}
			return n, err
		case 0:
			return nil, io.ErrUnexpectedEOF
		}
		child, err := yamlNode(dec)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, child)
	}
}

// yamlString chooses how to write a string: text of several lines as a block where that keeps every
// character, and in quotes what another reader could take for something else.
func yamlString(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	switch {
	case isBlock(s):
		n.Style = yaml.LiteralStyle
	case strings.ContainsFunc(s, needsEscape) || isAmbiguous(s):
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func isBlock(s string) bool {
	if !strings.Contains(s, "\n") || strings.HasSuffix(s, "\n\n") || strings.Contains(s, " \n") || !utf8.ValidString(s) {
		return false
	}
	if first := s[0]; first == ' ' || first == '\n' || first == '\t' || s[len(s)-1] == ' ' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && needsEscape(r) })
}

// needsEscape reports whether r is a control, a line break of YAML, or something that is no text.
func needsEscape(r rune) bool {
	return r < 0x20 || 0x7f <= r && r < 0xa0 || r == '\u2028' || r == '\u2029' ||
		r == '\ufeff' || r == '\ufffe' || r == '\uffff' || r == utf8.RuneError
}

// isAmbiguous reports whether some reader of YAML takes plain s for something other than a string.
func isAmbiguous(s string) bool {
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "", "<<", "=":
		return true
	}
	return isNumber(s)
}
