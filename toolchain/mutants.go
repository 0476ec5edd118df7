package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// mutant is one file with one small fault put in. Tests that pass all the same do not test that place.
type mutant struct {
	File        string `json:"file"`
	Line        int    `json:"line"`
	Column      int    `json:"column"`
	Kind        string `json:"kind"` // operator, membership, condition, constant, negation
	Description string `json:"description"`
	Source      string `json:"source"`
}

type edit struct {
	loc         *ast.Location
	length      int
	replacement string
	kind        string
	description string
}

var flips = map[string][]string{
	"==": {"!="},
	"!=": {"=="},
	"<":  {">=", "<="},
	"<=": {">", "<"},
	">":  {"<=", ">="},
	">=": {"<", ">"},
}

// opMutants answers with every mutant of the non-test files that still compiles; one that does not compile is no fault
// that a test could miss.
func opMutants(req *request) (any, error) {
	caps := capabilities(ast.InternalPrint.Name)
	files := withoutTests(req.Files)
	modules, err := parse(files, caps)
	if err != nil {
		return nil, err
	}
	out := []mutant{}
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		text := files[path]
		for _, e := range editsOf(modules[path], text) {
			changed := text[:e.loc.Offset] + e.replacement + text[e.loc.Offset+e.length:]
			if !compiles(modules, path, changed, caps, req) {
				continue
			}
			out = append(out, mutant{
				File: path, Line: e.loc.Row, Column: e.loc.Col, Kind: e.kind, Description: e.description, Source: changed,
			})
		}
	}
	return map[string]any{"mutants": out}, nil
}

func compiles(modules map[string]*ast.Module, path, text string, caps *ast.Capabilities, req *request) bool {
	changed, err := parse(map[string]string{path: text}, caps)
	if err != nil {
		return false
	}
	all := maps.Clone(modules)
	all[path] = changed[path]
	compiler := ast.NewCompiler().WithCapabilities(caps).WithEnablePrintStatements(true).
		WithPathConflictsCheck(conflicts(req.Data))
	compiler.Compile(all)
	return !compiler.Failed()
}

func editsOf(module *ast.Module, text string) []edit {
	var found []edit
	at := func(loc *ast.Location, want string) bool {
		return loc != nil && loc.Offset+len(want) <= len(text) && text[loc.Offset:loc.Offset+len(want)] == want
	}
	add := func(loc *ast.Location, length int, replacement, kind, description string) {
		found = append(found, edit{loc, length, replacement, kind, description})
	}
	ast.NewGenericVisitor(func(node any) bool {
		switch node := node.(type) {
		case *ast.Term:
			loc := node.Location
			switch node.Value.(type) {
			case ast.Ref:
				if loc == nil {
					break
				}
				for _, flipped := range flips[string(loc.Text)] {
					if at(loc, string(loc.Text)) {
						add(loc, len(loc.Text), flipped, "operator", fmt.Sprintf("`%s` becomes `%s`", loc.Text, flipped))
					}
				}
			case ast.Boolean:
				was := node.Value.String()
				flipped := map[string]string{"true": "false", "false": "true"}[was]
				if at(loc, was) && string(loc.Text) == was {
					add(loc, len(was), flipped, "constant", fmt.Sprintf("`%s` becomes `%s`", was, flipped))
				}
			}
		case *ast.Rule:
			for _, e := range bodyEdits(node.Body, text, at) {
				if e.loc.Offset != node.Location.Offset {
					found = append(found, e)
				}
			}
		case *ast.Every:
			found = append(found, bodyEdits(node.Body, text, at)...)
		case *ast.ArrayComprehension:
			found = append(found, bodyEdits(node.Body, text, at)...)
		case *ast.SetComprehension:
			found = append(found, bodyEdits(node.Body, text, at)...)
		case *ast.ObjectComprehension:
			found = append(found, bodyEdits(node.Body, text, at)...)
		}
		return false
	}).Walk(module)

	slices.SortStableFunc(found, func(a, b edit) int {
		return cmpAll(cmp.Compare(a.loc.Offset, b.loc.Offset), cmp.Compare(a.length, b.length),
			cmp.Compare(a.replacement, b.replacement))
	})
	return slices.CompactFunc(found, func(a, b edit) bool {
		return a.loc.Offset == b.loc.Offset && a.length == b.length && a.replacement == b.replacement
	})
}

// bodyEdits drop a condition, take away its `not`, or negate a membership.
func bodyEdits(body ast.Body, text string, at func(*ast.Location, string) bool) []edit {
	var found []edit
	for _, expr := range body {
		loc := expr.Location
		if loc == nil || len(loc.Text) == 0 || !at(loc, string(loc.Text)) {
			continue
		}
		source := string(loc.Text)
		if generated(expr, source) || isPrint(expr) {
			continue
		}
		if _, declares := expr.Terms.(*ast.SomeDecl); !declares && source != "true" {
			found = append(found, edit{loc, len(source), "true", "condition",
				fmt.Sprintf("condition dropped: `%s`", oneLine(source))})
		}
		if expr.Negated && len(source) > 4 && source[:4] == "not " {
			found = append(found, edit{loc, len(source), source[4:], "negation",
				fmt.Sprintf("`not` removed: `%s`", oneLine(source))})
		}
		if !expr.Negated && expr.IsCall() && len(expr.With) == 0 &&
			(expr.Operator().Equal(ast.Member.Ref()) || expr.Operator().Equal(ast.MemberWithKey.Ref())) {
			found = append(found, edit{loc, len(source), "not " + source, "membership",
				fmt.Sprintf("`in` becomes `not in`: `%s`", oneLine(source))})
		}
	}
	return found
}

// generated tells the body `true` that the parser gives to a rule without one.
func generated(expr *ast.Expr, source string) bool {
	term, ok := expr.Terms.(*ast.Term)
	return ok && term.Value.Compare(ast.Boolean(true)) == 0 && source != "true"
}

func isPrint(expr *ast.Expr) bool {
	return expr.IsCall() && expr.Operator().Equal(ast.Print.Ref())
}

func oneLine(source string) string {
	for i, r := range source {
		if r == '\n' {
			return source[:i] + " ..."
		}
	}
	return source
}
