package pipeline

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/itchyny/gojq"
)

// variables are bound in every jq program, in this order.
func variables() []string {
	return []string{"$key", "$headers", "$topic", "$partition", "$offset", "$timestamp"}
}

// program is a compiled jq program. It is safe for concurrent use.
type program struct {
	code *gojq.Code
	uses map[string]bool // the variables it mentions, so that the others need not be made
}

// unavailable are functions that reach out of the record: what a program gives must depend on the record alone.
func unavailable() map[string]string {
	return map[string]string{
		"input":      "a program sees one record",
		"inputs":     "a program sees one record",
		"debug":      "write to the output instead",
		"stderr":     "write to the output instead",
		"env":        "use ${VAR} in the configuration",
		"$ENV":       "use ${VAR} in the configuration",
		"halt":       "use empty to drop a value, error to fail",
		"halt_error": "use error to fail",
	}
}

// compile makes a program of jq source, or says what is wrong with it.
func compile(source string) (*program, error) {
	query, err := gojq.Parse(source)
	if err != nil {
		var syntax *gojq.ParseError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("no valid jq: %w (character %d)", err, syntax.Offset)
		}
		return nil, fmt.Errorf("no valid jq: %w", err)
	}
	p := &program{uses: make(map[string]bool)}
	defined, called := make(map[string]bool), make(map[string]bool)
	imports := false
	inspect(reflect.ValueOf(query), func(part any) {
		switch part := part.(type) {
		case *gojq.FuncDef:
			defined[part.Name] = true
			for _, arg := range part.Args {
				defined[arg] = true
			}
		case *gojq.Func:
			called[part.Name] = true
		case *gojq.Import:
			imports = true
		case *gojq.Query:
			boundMultiplication(part)
		}
	})
	if imports {
		return nil, errors.New("modules are not available: write the function into the program")
	}
	for name, instead := range unavailable() {
		if called[name] && !defined[name] {
			return nil, fmt.Errorf("%s is not available: %s", name, instead)
		}
	}
	for _, name := range variables() {
		p.uses[name] = called[name]
	}
	p.code, err = gojq.Compile(query, gojq.WithVariables(variables()),
		gojq.WithFunction(multiplication, 2, 2, func(_ any, args []any) any { return multiply(args[0], args[1]) }))
	if err != nil {
		return nil, fmt.Errorf("no valid jq: %s", strings.TrimPrefix(err.Error(), "compile error: "))
	}
	return p, nil
}

// inspect calls visit for every pointer in a jq syntax tree, parents first. The tree has two dozen types of nodes, whose
// fields are exported for this.
func inspect(v reflect.Value, visit func(any)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			visit(v.Interface())
			inspect(v.Elem(), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			inspect(v.Field(i), visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			inspect(v.Index(i), visit)
		}
	default: // text and numbers have nothing below them
	}
}
