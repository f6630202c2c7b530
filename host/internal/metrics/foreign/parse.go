package foreign

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/soltihq/solti-host/sdk"
)

// What an answer may consist of. A parsed line or label takes some hundred bytes, so that the bytes of
// an answer alone would bound little.
const (
	maxLines  = 20_000
	maxLabels = 60_000 // signs of equality
)

// parse reads an answer, unless it would cost too much.
func parse(text []byte) (families map[string]*dto.MetricFamily, why Result, err error) {
	if len(text) > sdk.MaxMetrics {
		return nil, TooLarge, fmt.Errorf("%d bytes, at most %d are read", len(text), sdk.MaxMetrics)
	}
	if n := bytes.Count(text, []byte{'\n'}); n > maxLines {
		return nil, TooLarge, fmt.Errorf("%d lines, at most %d are read", n, maxLines)
	}
	if n := bytes.Count(text, []byte{'='}); n > maxLabels {
		return nil, TooLarge, fmt.Errorf("%d labels, at most %d are read", n, maxLabels)
	}
	if !utf8.Valid(text) {
		return nil, Malformed, errors.New("not UTF-8")
	}
	defer func() { // a defect of the parser is no reason for the host to end
		if p := recover(); p != nil {
			families, why, err = nil, Malformed, fmt.Errorf("panic of the parser: %v", p)
		}
	}()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err = parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, Malformed, fmt.Errorf("not the text format: %.200w", err)
	}
	return families, OK, nil
}
