package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"
)

// request is the union of what all operations take. Files are path -> text; data is one document; schemas are
// name -> JSON Schema, a name being the path under schema/ without its extension ("input", "quotas/window").
type request struct {
	Op          string            `json:"op"`
	Files       map[string]string `json:"files"`
	Data        map[string]any    `json:"data"`
	Schemas     map[string]any    `json:"schemas"`
	Entrypoints []string          `json:"entrypoints"`
	Revision    string            `json:"revision"`
	Metadata    map[string]any    `json:"metadata"`
	Tests       bool              `json:"tests"`
	Coverage    bool              `json:"coverage"`
	Filter      string            `json:"filter"`
	Explain     string            `json:"explain"`
	Query       string            `json:"query"`
	Input       json.RawMessage   `json:"input"`
}

type answer struct {
	OK     bool    `json:"ok"`
	Result any     `json:"result,omitempty"`
	Errors []fault `json:"errors,omitempty"`
}

// fault is one error of OPA. Width is the length in code points of the source text it points at, cut at the line's end.
type fault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	File    string `json:"file,omitempty"`
	Row     int    `json:"row,omitempty"`
	Col     int    `json:"col,omitempty"`
	Width   int    `json:"width,omitempty"`
	Detail  any    `json:"detail,omitempty"`
}

var operations = map[string]func(*request) (any, error){
	"build":        opBuild,
	"capabilities": opCapabilities,
	"check":        opCheck,
	"eval":         opEval,
	"fmt":          opFormat,
	"inspect":      opInspect,
	"mutants":      opMutants,
	"reads":        opReads,
	"test":         opTest,
	"version":      opVersion,
}

// handle never panics: a fault inside OPA is an answer like any other.
func handle(raw []byte) (out []byte) {
	defer func() {
		if reason := recover(); reason != nil {
			out = encode(answer{Errors: []fault{{
				Code:    "toolchain_panic",
				Message: fmt.Sprint(reason),
				Detail:  string(debug.Stack()),
			}}})
		}
	}()

	var req request
	decoder := util.NewJSONDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&req); err != nil {
		return encode(answer{Errors: []fault{{Code: "toolchain_request", Message: err.Error()}}})
	}
	operation, ok := operations[req.Op]
	if !ok {
		return encode(answer{Errors: []fault{{Code: "toolchain_request", Message: "unknown operation " + req.Op}}})
	}
	result, err := operation(&req)
	if err != nil {
		return encode(answer{Errors: faults(err)})
	}
	return encode(answer{OK: true, Result: result})
}

func encode(a answer) []byte {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(a); err != nil {
		return encode(answer{Errors: []fault{{Code: "toolchain_answer", Message: err.Error()}}})
	}
	return buffer.Bytes()
}

// faults flattens whatever OPA returns into a list in a stable order: OPA walks maps, so its own order is random.
func faults(err error) []fault {
	list := flatten(err)
	enrich(list, err)
	slices.SortStableFunc(list, func(a, b fault) int {
		return cmpAll(strings.Compare(a.File, b.File), a.Row-b.Row, a.Col-b.Col,
			strings.Compare(a.Code, b.Code), strings.Compare(a.Message, b.Message))
	})
	return list
}

func cmpAll(results ...int) int {
	for _, result := range results {
		if result != 0 {
			return result
		}
	}
	return 0
}

func flatten(err error) []fault {
	var many ast.Errors
	if errors.As(err, &many) {
		list := make([]fault, 0, len(many))
		for _, one := range many {
			list = append(list, faultOf(one))
		}
		return list
	}
	var one *ast.Error
	if errors.As(err, &one) {
		return []fault{faultOf(one)}
	}
	var run *topdown.Error
	if errors.As(err, &run) {
		f := fault{Code: run.Code, Message: run.Message}
		locate(&f, run.Location)
		return []fault{f}
	}
	return []fault{{Code: "toolchain_error", Message: err.Error()}}
}

func faultOf(e *ast.Error) fault {
	f := fault{Code: e.Code, Message: e.Message}
	locate(&f, e.Location)
	if e.Details != nil {
		f.Detail = detailOf(e.Details)
	}
	return f
}

func locate(f *fault, loc *ast.Location) {
	if loc == nil {
		return
	}
	f.File, f.Row, f.Col = loc.File, loc.Row, loc.Col
	line, _, _ := bytes.Cut(loc.Text, []byte("\n"))
	f.Width = utf8.RuneCount(line)
}

// detailOf keeps what a sentence for the author needs: which part of which reference is wrong and what it could be.
func detailOf(details ast.ErrorDetails) any {
	out := map[string]any{"lines": details.Lines()}
	switch d := details.(type) {
	case *ast.RefErrInvalidDetail:
		out["ref"], out["pos"] = refParts(d.Ref), d.Pos
		choices := make([]any, 0, len(d.OneOf))
		for _, v := range d.OneOf {
			choices = append(choices, plain(v))
		}
		if len(choices) > 0 {
			out["oneOf"] = choices
		}
		if d.Want != nil {
			out["want"] = d.Want.String()
		}
		if d.Have != nil {
			out["have"] = d.Have.String()
		}
	case *ast.RefErrUnsupportedDetail:
		out["ref"], out["pos"] = refParts(d.Ref), d.Pos
		if d.Have != nil {
			out["have"] = d.Have.String()
		}
	case *unresolvedDetail:
		out["wrong"], out["parent"] = d.wrong, d.parent
		put(out, "near", d.near)
	case *ast.UnificationErrDetail:
		out["left"], out["right"] = fmt.Sprint(d.Left), fmt.Sprint(d.Right)
	case *ast.ArgErrDetail:
		have := make([]any, 0, len(d.Have))
		for _, t := range d.Have {
			if t == nil {
				have = append(have, nil)
			} else {
				have = append(have, t.String())
			}
		}
		want := make([]any, 0, len(d.Want.Args))
		for _, t := range d.Want.Args {
			want = append(want, t.String())
		}
		out["have"], out["want"] = have, want
	}
	return out
}

func refParts(ref ast.Ref) []any {
	parts := make([]any, 0, len(ref))
	for _, term := range ref {
		parts = append(parts, plain(term.Value))
	}
	return parts
}

// plain renders a value as the JSON it stands for, or as Rego text where there is none.
func plain(v ast.Value) any {
	switch v := v.(type) {
	case ast.String:
		return string(v)
	case ast.Var:
		return string(v)
	}
	return v.String()
}
