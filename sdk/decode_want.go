package sdk

import (
	"reflect"

	"github.com/go-json-experiment/json"
)

// wanted names the JSON type that a field takes.
func wanted(e *json.SemanticError) string {
	switch e.GoType.Kind() {
	case reflect.Bool:
		return "a boolean"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "an integer in range"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return e.GoType.String()
	}
}
