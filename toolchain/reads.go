package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// opReads says what the rules of a policy read of their input: the longest constant prefix of every reference, so that
// two inputs that agree below these prefixes get the same decision. `whole` where input is read as a whole or replaced
// (`with input as`); `volatile` where a built-in answers differently for the same arguments (the clock, random ids).
// Tests do not count.
func opReads(req *request) (any, error) {
	caps := capabilities()
	modules, err := parse(withoutTests(req.Files), caps)
	if err != nil {
		return nil, err
	}
	compiler := ast.NewCompiler().WithCapabilities(caps).WithPathConflictsCheck(conflicts(req.Data))
	if compiler.Compile(modules); compiler.Failed() {
		return nil, compiler.Errors
	}
	found := reading{paths: map[string][]string{}}
	for _, module := range compiler.Modules {
		for _, rule := range module.Rules {
			found.visit(rule)
		}
	}
	paths := make([][]string, 0, len(found.paths))
	for _, key := range slices.Sorted(maps.Keys(found.paths)) {
		paths = append(paths, found.paths[key])
	}
	return map[string]any{"paths": paths, "whole": found.whole, "volatile": found.volatile}, nil
}

type reading struct {
	paths    map[string][]string
	whole    bool
	volatile bool
}

func (r *reading) visit(node any) {
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.With:
			if x.Target.Value.Compare(ast.InputRootRef) == 0 || strings.HasPrefix(x.Target.String(), "input") {
				r.whole = true
			}
		case ast.Ref:
			r.ref(x)
			for _, term := range x[1:] {
				r.visit(term)
			}
			return true
		case ast.Var:
			if x.Equal(ast.InputRootDocument.Value) {
				r.whole = true
			}
		}
		return false
	}).Walk(node)
}

func (r *reading) ref(ref ast.Ref) {
	if builtin, ok := ast.BuiltinMap[ref.String()]; ok && builtin.Nondeterministic {
		r.volatile = true
	}
	if !ref.HasPrefix(ast.InputRootRef) {
		return
	}
	path, terms := []string{}, []*ast.Term{}
	for _, term := range ref[1:] {
		name, ok := term.Value.(ast.String)
		if !ok {
			break
		}
		path, terms = append(path, string(name)), append(terms, term)
	}
	if len(path) == 0 {
		r.whole = true
		return
	}
	// As an array, since a name may hold any character that could part two of them.
	r.paths[ast.NewArray(terms...).String()] = path
}
