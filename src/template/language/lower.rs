//! From minijinja's parse tree to ours.

use super::program::{
    Argument, At, Comparison, Expression, ForLoop, Macro, Name, Node, Program, Statement, Target, Within,
};
use crate::template::contract::TemplateErrorKind;
use crate::template::fault::{Fault, Outcome};
use crate::template::python::methods::CHANGING;
use crate::template::python::operators::Operator;
use crate::template::templater::may_be_template;
use crate::template::{filters, tests};
use minijinja::Value;
use minijinja::machinery::{Span, ast};
use minijinja::syntax::SyntaxConfig;
use std::sync::Arc;

/// Compiles a template.
///
/// In the `{{ }}` of a playbook's text, backslashes in text literals stand for themselves, because YAML has had its turn at
/// them (`from_yaml`); in template files, in `{% %}` and in conditions they are escapes as in Python.
pub fn template(name: &Arc<str>, text: &Arc<str>, syntax: &SyntaxConfig, from_yaml: bool) -> Outcome<Program> {
    let rewritten;
    let tree = match minijinja::machinery::parse(text, "", syntax.clone()) {
        Ok(tree) => tree,
        Err(error) => {
            rewritten = super::forgiving::rewritten(text).ok_or_else(|| syntax_fault(&error))?;
            minijinja::machinery::parse(&rewritten, "", syntax.clone()).map_err(|_| syntax_fault(&error))?
        }
    };
    let mut lowering = Lowering::new(text);
    lowering.from_yaml = from_yaml;
    let body = match &tree {
        ast::Stmt::Template(template) => lowering.statements(&template.children),
        statement => lowering.statements(std::slice::from_ref(statement)),
    };
    Ok(lowering.finish(name, text, body))
}

/// Compiles an expression.
pub fn expression(text: &Arc<str>) -> Outcome<Program> {
    let tree = minijinja::machinery::parse_expr(text).map_err(|error| syntax_fault(&error))?;
    let mut lowering = Lowering::new(text);
    let body = vec![Statement::Emit(lowering.expression(&tree))];
    Ok(lowering.finish(&Arc::from(""), text, body))
}

fn syntax_fault(error: &minijinja::Error) -> Box<Fault> {
    let message = error.detail().map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
    let mut fault = Fault::new(TemplateErrorKind::Syntax, format!("the template can't be read: {message}"));
    fault.at = error.range().map(|range| (range.start as u32, range.end as u32));
    fault
}

struct Lowering<'a> {
    text: &'a str,
    blocks: Vec<(Name, Arc<Vec<Statement>>)>,
    changes: bool,
    from_yaml: bool,
    /// Whether text literals are taken as they are.
    verbatim: bool,
    /// Names that bodies of macros mention, innermost macro last.
    mentioned: Vec<Vec<&'static str>>,
}

impl<'a> Lowering<'a> {
    fn new(text: &'a str) -> Lowering<'a> {
        Lowering { text, blocks: Vec::new(), changes: false, from_yaml: false, verbatim: false, mentioned: Vec::new() }
    }

    fn finish(self, name: &Arc<str>, text: &Arc<str>, body: Vec<Statement>) -> Program {
        Program { name: name.clone(), text: text.clone(), body, blocks: self.blocks, changes: self.changes }
    }

    fn at(&self, span: Span) -> At {
        (span.start_offset, span.end_offset)
    }

    fn source(&self, span: Span) -> &'a str {
        self.text.get(span.start_offset as usize..span.end_offset as usize).unwrap_or("")
    }

    /// minijinja's parser skips `with context` and `without context`, so it is looked for in the text.
    fn within(&self, span: Span, default: Within) -> Within {
        let source = self.source(span);
        let words: Vec<&str> = source.split_whitespace().collect();
        let has = |word: &str| words.windows(2).any(|pair| pair[0] == word && pair[1].starts_with("context"));
        match (has("without"), has("with")) {
            (true, _) => Within::Nothing,
            (_, true) => Within::Context,
            _ => default,
        }
    }

    fn statements(&mut self, statements: &[ast::Stmt<'_>]) -> Vec<Statement> {
        statements.iter().map(|statement| self.statement(statement)).collect()
    }

    fn statement(&mut self, statement: &ast::Stmt<'_>) -> Statement {
        match statement {
            ast::Stmt::Template(template) => Statement::FilterBlock(None, self.statements(&template.children)),
            ast::Stmt::EmitExpr(emit) => {
                self.verbatim = self.from_yaml;
                let expression = self.expression(&emit.expr);
                self.verbatim = false;
                Statement::Emit(expression)
            }
            ast::Stmt::EmitRaw(raw) => Statement::Text(Arc::from(raw.raw)),
            ast::Stmt::ForLoop(each) => Statement::For(Arc::new(ForLoop {
                target: self.target(&each.target),
                items: self.expression(&each.iter),
                condition: each.filter_expr.as_ref().map(|condition| self.expression(condition)),
                recursive: each.recursive,
                body: self.statements(&each.body),
                otherwise: self.statements(&each.else_body),
            })),
            ast::Stmt::IfCond(branch) => Statement::If(
                self.expression(&branch.expr),
                self.statements(&branch.true_body),
                self.statements(&branch.false_body),
            ),
            ast::Stmt::WithBlock(block) => Statement::With(
                block.assignments.iter().map(|(target, value)| (self.target(target), self.expression(value))).collect(),
                self.statements(&block.body),
            ),
            ast::Stmt::Set(set) => Statement::Set(self.target(&set.target), self.expression(&set.expr)),
            ast::Stmt::SetBlock(set) => Statement::SetBlock(
                self.target(&set.target),
                set.filter.as_ref().map(|filter| self.expression(filter)),
                self.statements(&set.body),
            ),
            ast::Stmt::AutoEscape(block) => Statement::FilterBlock(None, self.statements(&block.body)),
            ast::Stmt::FilterBlock(block) => {
                Statement::FilterBlock(Some(self.expression(&block.filter)), self.statements(&block.body))
            }
            ast::Stmt::Block(block) => {
                let name = Name::from(block.name);
                let body = Arc::new(self.statements(&block.body));
                self.blocks.push((name.clone(), body));
                Statement::Block(name)
            }
            ast::Stmt::Import(import) => {
                self.changes = true;
                Statement::Import {
                    name: self.expression(&import.expr),
                    target: self.target(&import.name),
                    within: self.within(import.span(), Within::Nothing),
                }
            }
            ast::Stmt::FromImport(import) => {
                self.changes = true;
                Statement::FromImport {
                    name: self.expression(&import.expr),
                    names: import
                        .names
                        .iter()
                        .filter_map(|(name, alias)| {
                            let name = variable_name(name)?;
                            let alias = alias.as_ref().and_then(variable_name).unwrap_or_else(|| name.clone());
                            Some((name, alias))
                        })
                        .collect(),
                    within: self.within(import.span(), Within::Nothing),
                }
            }
            ast::Stmt::Extends(extends) => {
                self.changes = true;
                Statement::Extends(self.expression(&extends.name))
            }
            ast::Stmt::Include(include) => {
                self.changes = true;
                Statement::Include {
                    name: self.expression(&include.name),
                    ignore_missing: include.ignore_missing,
                    within: self.within(include.span(), Within::Context),
                }
            }
            ast::Stmt::Macro(decl) => Statement::Macro(self.macro_declaration(decl)),
            ast::Stmt::CallBlock(block) => Statement::CallBlock {
                at: self.at(block.call.span()),
                callee: self.expression(&block.call.expr),
                arguments: self.arguments(&block.call.args),
                caller: self.macro_declaration(&block.macro_decl),
            },
            ast::Stmt::Continue(_) => Statement::Continue,
            ast::Stmt::Break(_) => Statement::Break,
            ast::Stmt::Do(call) => {
                let at = self.at(call.call.span());
                Statement::Do(Expression { at, node: self.call(&call.call) })
            }
        }
    }

    fn macro_declaration(&mut self, decl: &ast::Macro<'_>) -> Arc<Macro> {
        self.mentioned.push(Vec::new());
        let body = self.statements(&decl.body);
        let defaults = decl.defaults.iter().map(|default| self.expression(default)).collect();
        let mentioned = self.mentioned.pop().unwrap_or_default();
        Arc::new(Macro {
            name: Name::from(decl.name),
            parameters: decl.args.iter().filter_map(variable_name).collect(),
            defaults,
            body,
            takes_caller: mentioned.contains(&"caller"),
            takes_more: mentioned.contains(&"varargs"),
            takes_more_named: mentioned.contains(&"kwargs"),
        })
    }

    fn target(&mut self, target: &ast::Expr<'_>) -> Target {
        match target {
            ast::Expr::Var(name) => Target::Name(Name::from(name.id)),
            ast::Expr::GetAttr(attribute) => {
                Target::Attribute(Box::new(self.expression(&attribute.expr)), Name::from(attribute.name))
            }
            ast::Expr::List(list) => Target::Several(list.items.iter().map(|item| self.target(item)).collect()),
            ast::Expr::Tuple(list) => Target::Several(list.items.iter().map(|item| self.target(item)).collect()),
            // The parser gives nothing else here; a name that nothing reads stands for it.
            _ => Target::Name(Name::from("")),
        }
    }

    fn boxed(&mut self, expr: &ast::Expr<'_>) -> Box<Expression> {
        Box::new(self.expression(expr))
    }

    fn expression(&mut self, expr: &ast::Expr<'_>) -> Expression {
        let span = expr.span();
        let node = match expr {
            ast::Expr::Var(name) => {
                for special in ["caller", "varargs", "kwargs"] {
                    if name.id == special
                        && let Some(mentioned) = self.mentioned.last_mut()
                    {
                        mentioned.push(special);
                    }
                }
                Node::Variable(Name::from(name.id))
            }
            ast::Expr::Const(constant) => {
                let value = self.constant(&constant.value, span);
                match value.as_str() {
                    Some(text) if may_be_template(text) => Node::Embedded(Arc::from(text)),
                    _ => Node::Constant(value),
                }
            }
            ast::Expr::Slice(slice) => {
                let none = |lowering: &mut Self, bound: &Option<ast::Expr<'_>>| match bound {
                    Some(bound) => lowering.expression(bound),
                    None => Expression { at: lowering.at(span), node: Node::Constant(Value::from(())) },
                };
                Node::Slice(Box::new([
                    self.expression(&slice.expr),
                    none(self, &slice.start),
                    none(self, &slice.stop),
                    none(self, &slice.step),
                ]))
            }
            ast::Expr::UnaryOp(unary) => match unary.op {
                ast::UnaryOpKind::Not => Node::Not(self.boxed(&unary.expr)),
                ast::UnaryOpKind::Neg => Node::Negate(self.boxed(&unary.expr)),
            },
            ast::Expr::BinOp(binary) => self.binary(binary),
            ast::Expr::Compare(compare) => Node::Compare(
                self.boxed(&compare.expr),
                compare
                    .ops
                    .iter()
                    .map(|op| {
                        let comparison = match op.op {
                            ast::CompareOpKind::Eq => Comparison::Equal,
                            ast::CompareOpKind::Ne => Comparison::NotEqual,
                            ast::CompareOpKind::Lt => Comparison::Less,
                            ast::CompareOpKind::Lte => Comparison::LessOrEqual,
                            ast::CompareOpKind::Gt => Comparison::Greater,
                            ast::CompareOpKind::Gte => Comparison::GreaterOrEqual,
                            ast::CompareOpKind::In => Comparison::In,
                            ast::CompareOpKind::NotIn => Comparison::NotIn,
                        };
                        (comparison, self.expression(&op.expr))
                    })
                    .collect(),
            ),
            ast::Expr::IfExpr(branch) => Node::If {
                condition: self.boxed(&branch.test_expr),
                then: self.boxed(&branch.true_expr),
                otherwise: branch.false_expr.as_ref().map(|otherwise| self.boxed(otherwise)),
            },
            ast::Expr::Filter(filter) => Node::Filter {
                name: Name::from(without_spaces(filter.name)),
                filter: filters::find(&without_spaces(filter.name)),
                value: match &filter.expr {
                    Some(value) => self.boxed(value),
                    None => Box::new(Expression { at: self.at(span), node: Node::Captured }),
                },
                arguments: self.arguments(&filter.args),
            },
            ast::Expr::Test(test) => Node::Test {
                name: Name::from(without_spaces(test.name)),
                test: tests::find(&without_spaces(test.name)),
                value: self.boxed(&test.expr),
                arguments: self.arguments(&test.args),
            },
            ast::Expr::GetAttr(attribute) => Node::Attribute(self.boxed(&attribute.expr), Name::from(attribute.name)),
            ast::Expr::GetItem(item) => Node::Item(self.boxed(&item.expr), self.boxed(&item.subscript_expr)),
            ast::Expr::Call(call) => self.call(call),
            ast::Expr::List(list) => Node::List(list.items.iter().map(|item| self.expression(item)).collect()),
            ast::Expr::Tuple(tuple) => Node::Tuple(tuple.items.iter().map(|item| self.expression(item)).collect()),
            ast::Expr::Map(map) => Node::Map(
                map.keys
                    .iter()
                    .zip(&map.values)
                    .map(|(key, value)| (self.expression(key), self.expression(value)))
                    .collect(),
            ),
        };
        self.placed(Expression { at: self.at(span), node })
    }

    /// minijinja's places of operators begin at the token before them.
    fn placed(&self, mut expression: Expression) -> Expression {
        expression.at.0 = match &expression.node {
            Node::Binary(..) | Node::And(_) | Node::Or(_) | Node::Compare(..) | Node::If { .. } => expression.start(),
            Node::Not(inner) | Node::Negate(inner) => {
                let before =
                    self.text.get(..inner.start() as usize).unwrap_or("").trim_end_matches([' ', '\t', '\n', '(']);
                let operator = if matches!(expression.node, Node::Not(_)) { "not" } else { "-" };
                before.strip_suffix(operator).map_or(inner.start(), |before| before.len() as u32)
            }
            _ => expression.at.0,
        };
        expression
    }

    fn constant(&self, value: &Value, span: Span) -> Value {
        match value.as_str() {
            // Only what has an escape can differ.
            Some(_) if self.source(span).contains('\\') => {
                let source = self.source(span);
                let text =
                    if self.verbatim { super::literal::verbatim(source) } else { super::literal::decode(source) };
                text.map_or_else(|| value.clone(), Value::from)
            }
            _ => value.clone(),
        }
    }

    fn call(&mut self, call: &ast::Call<'_>) -> Node {
        if let ast::Expr::GetAttr(attribute) = &call.expr {
            if let ast::Expr::Var(name) = &attribute.expr
                && name.id == "self"
            {
                return Node::Block(Name::from(attribute.name));
            }
            self.changes |= CHANGING.contains(&attribute.name);
        }
        Node::Call(self.boxed(&call.expr), self.arguments(&call.args))
    }

    fn arguments(&mut self, arguments: &[ast::CallArg<'_>]) -> Vec<Argument> {
        arguments
            .iter()
            .map(|argument| match argument {
                ast::CallArg::Pos(value) => Argument::Positional(self.expression(value)),
                ast::CallArg::Kwarg(name, value) => Argument::Named(Name::from(*name), self.expression(value)),
                ast::CallArg::PosSplat(value) => Argument::Spread(self.expression(value)),
                ast::CallArg::KwargSplat(value) => Argument::SpreadNamed(self.expression(value)),
            })
            .collect()
    }

    fn binary(&mut self, binary: &ast::BinOp<'_>) -> Node {
        let (left, right) = (self.expression(&binary.left), self.expression(&binary.right));
        let compare = |comparison, left, right| Node::Compare(Box::new(left), vec![(comparison, right)]);
        let operator = match binary.op {
            ast::BinOpKind::Eq => return compare(Comparison::Equal, left, right),
            ast::BinOpKind::Ne => return compare(Comparison::NotEqual, left, right),
            ast::BinOpKind::Lt => return compare(Comparison::Less, left, right),
            ast::BinOpKind::Lte => return compare(Comparison::LessOrEqual, left, right),
            ast::BinOpKind::Gt => return compare(Comparison::Greater, left, right),
            ast::BinOpKind::Gte => return compare(Comparison::GreaterOrEqual, left, right),
            ast::BinOpKind::In => return compare(Comparison::In, left, right),
            ast::BinOpKind::ScAnd => return Node::And(Box::new([left, right])),
            ast::BinOpKind::ScOr => return Node::Or(Box::new([left, right])),
            ast::BinOpKind::Add => Operator::Add,
            ast::BinOpKind::Sub => Operator::Sub,
            ast::BinOpKind::Mul => Operator::Mul,
            ast::BinOpKind::Div => Operator::Div,
            ast::BinOpKind::FloorDiv => Operator::FloorDiv,
            ast::BinOpKind::Rem => Operator::Rem,
            ast::BinOpKind::Pow => Operator::Pow,
            ast::BinOpKind::Concat => Operator::Concat,
        };
        Node::Binary(operator, Box::new([left, right]))
    }
}

fn variable_name(expr: &ast::Expr<'_>) -> Option<Name> {
    match expr {
        ast::Expr::Var(name) => Some(Name::from(name.id)),
        _ => None,
    }
}

fn without_spaces(name: &str) -> String {
    name.chars().filter(|char| !char.is_whitespace()).collect()
}
