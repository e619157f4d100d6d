package sim

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// show writes a message with all its fields. fmt would show one that embeds an incarnation as that incarnation, since it
// takes over its String method.
func show(v any) string {
	var b strings.Builder
	t := reflect.TypeOf(v)
	b.WriteString(strings.TrimPrefix(t.String(), "messages."))
	showValue(&b, reflect.ValueOf(v))
	return b.String()
}

// named says whether a type is shown by its own String.
func named(t reflect.Type) bool {
	return t == reflect.TypeFor[messages.Incarnation]() || t == reflect.TypeFor[stream.Partition]()
}

func showValue(b *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if named(v.Type()) || !carries(v.Type()) {
			fmt.Fprintf(b, "%+v", v.Interface())
			return
		}
		b.WriteByte('{')
		for i := range v.NumField() {
			if i > 0 {
				fmt.Fprintf(b, " %s:", v.Type().Field(i).Name)
			}
			showValue(b, v.Field(i))
		}
		b.WriteByte('}')
	case reflect.Slice:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(' ')
			}
			showValue(b, v.Index(i))
		}
		b.WriteByte(']')
	default:
		fmt.Fprintf(b, "%v", v.Interface())
	}
}

// carries says whether some field of a struct is, or holds, a named one.
func carries(t reflect.Type) bool {
	for i := range t.NumField() {
		f := t.Field(i).Type
		if f.Kind() == reflect.Slice {
			f = f.Elem()
		}
		if named(f) || (f.Kind() == reflect.Struct && f.NumField() > 0 && named(f.Field(0).Type)) {
			return true
		}
	}
	return false
}
