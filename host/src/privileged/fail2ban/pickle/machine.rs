//! The machine that a pickle is a program for, with its dangerous half left out.
//!
//! Values lie in an arena and refer to one another by place, since a pickle names what it has not
//! finished yet. Only the end unfolds them, counting.

use std::collections::HashMap;
use std::rc::Rc;

use super::{DEPTH_MAX, PickleError, VALUES_MAX, Value};

type At = usize;

#[derive(Debug)]
enum Node {
    Plain(Value),
    List(Vec<At>),
    Tuple(Vec<At>),
    Dict(Vec<(At, At)>),
    Class(Rc<str>),
    Object(Rc<str>, At),
}

struct Machine<'a> {
    rest: &'a [u8],
    nodes: Vec<Node>,
    stack: Vec<At>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, At>,
    steps: usize,
}

const END: PickleError = PickleError::Malformed("it ends in the middle");
const STACK: PickleError = PickleError::Malformed("a value is missing");

pub(super) fn run(bytes: &[u8]) -> Result<Value, PickleError> {
    let mut machine = Machine {
        rest: bytes,
        nodes: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        steps: 0,
    };
    loop {
        machine.steps += 1;
        // A value takes a few: itself, a mark, an end, a name in the memo, a class.
        if machine.steps > 8 * VALUES_MAX {
            return Err(PickleError::Large);
        }
        let opcode = machine.byte()?;
        if opcode == b'.' {
            break;
        }
        machine.step(opcode)?;
    }
    let [root] = machine.stack[..] else { return Err(PickleError::Malformed("not one value")) };
    if !machine.rest.is_empty() || !machine.marks.is_empty() {
        return Err(PickleError::Malformed("something follows its end"));
    }
    Unfolding { nodes: &machine.nodes, left: VALUES_MAX }.value(root, 0)
}

impl<'a> Machine<'a> {
    fn step(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            0x80 => match self.byte()? {
                0..=5 => Ok(()),
                _ => Err(PickleError::Malformed("a protocol above 5")),
            },
            0x95 => {
                let length = self.length(8)?;
                if length > self.rest.len() { Err(END) } else { Ok(()) }
            }
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'K' | b'M' | b'J' | 0x8a | 0x8b | b'I' | b'L' => {
                let value = self.number(opcode)?;
                self.push(value)
            }
            0x8c | b'X' | 0x8d | b'V' => {
                let text = self.text(opcode)?;
                self.push(Value::Text(text))
            }
            b'C' | b'B' | 0x8e | 0x96 => {
                let length = self.length(match opcode {
                    b'C' => 1,
                    b'B' => 4,
                    _ => 8,
                })?;
                let bytes = self.take(length)?.into();
                self.push(Value::Bytes(bytes))
            }
            b']' | b'l' | b')' | b't' | 0x85..=0x87 | b'}' | b'd' => self.collection(opcode),
            b'a' | b'e' | b's' | b'u' => self.fill(opcode),
            b'0' | b'1' | b'2' | b'(' => self.shift(opcode),
            b'p' | b'q' | b'r' | 0x94 | b'g' | b'h' | b'j' => self.remember(opcode),
            b'c' | 0x93 | b'R' | 0x81 | b'b' => self.object(opcode),
            _ => Err(PickleError::Malformed("an instruction that is not for plain values")),
        }
    }

    fn number(&mut self, opcode: u8) -> Result<Value, PickleError> {
        const WRONG: PickleError = PickleError::Malformed("a number that is none");
        let value = match opcode {
            b'K' => i64::from(self.byte()?),
            b'M' => i64::try_from(self.length(2)?).map_err(|_| WRONG)?,
            b'J' => {
                let bytes = self.take(4)?.try_into().map_err(|_| WRONG)?;
                i64::from(i32::from_le_bytes(bytes))
            }
            0x8a | 0x8b => {
                let length = self.length(if opcode == 0x8a { 1 } else { 4 })?;
                let bytes = self.take(length)?;
                // Two's complement, least first, in as few bytes as it needs.
                let fill = if bytes.last().is_some_and(|top| top & 0x80 != 0) { 0xff } else { 0 };
                if bytes.len() > 8 {
                    return Err(PickleError::Malformed("a number of more than 64 bits"));
                }
                let mut all = [fill; 8];
                all[..bytes.len()].copy_from_slice(bytes);
                i64::from_le_bytes(all)
            }
            _ => {
                let line = self.line()?;
                match (opcode, line) {
                    (b'I', "00") => return Ok(Value::Bool(false)),
                    (b'I', "01") => return Ok(Value::Bool(true)),
                    (b'L', line) => line.strip_suffix('L').unwrap_or(line),
                    (_, line) => line,
                }
                .parse()
                .map_err(|_| WRONG)?
            }
        };
        Ok(Value::Int(value))
    }

    fn text(&mut self, opcode: u8) -> Result<Rc<str>, PickleError> {
        const WRONG: PickleError = PickleError::Malformed("a text that is no UTF-8");
        let length = match opcode {
            0x8c => self.length(1)?,
            b'X' => self.length(4)?,
            0x8d => self.length(8)?,
            _ => return unescape(self.line_bytes()?).ok_or(WRONG),
        };
        str::from_utf8(self.take(length)?).map(Into::into).map_err(|_| WRONG)
    }

    fn collection(&mut self, opcode: u8) -> Result<(), PickleError> {
        let node = match opcode {
            b']' => Node::List(Vec::new()),
            b')' => Node::Tuple(Vec::new()),
            b'}' => Node::Dict(Vec::new()),
            b'l' => Node::List(self.since_mark()?),
            b't' => Node::Tuple(self.since_mark()?),
            b'd' => Node::Dict(pairs(&self.since_mark()?)?),
            one_to_three => {
                let count = usize::from(one_to_three - 0x84);
                let first = self.stack.len().checked_sub(count);
                let first = first.filter(|first| *first >= self.floor()).ok_or(STACK)?;
                Node::Tuple(self.stack.split_off(first))
            }
        };
        self.put(node)
    }

    /// Adds to a list or a dict that lies below.
    fn fill(&mut self, opcode: u8) -> Result<(), PickleError> {
        let added = match opcode {
            b'a' => vec![self.pop()?],
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                vec![key, value]
            }
            _ => self.since_mark()?,
        };
        let below = self.top()?;
        match (&mut self.nodes[below], opcode) {
            (Node::List(items), b'a' | b'e') => items.extend(added),
            (Node::Dict(items), b's' | b'u') => items.extend(pairs(&added)?),
            _ => return Err(PickleError::Malformed("something is put into what cannot hold it")),
        }
        Ok(())
    }

    fn shift(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            b'(' => self.marks.push(self.stack.len()),
            b'0' => _ = self.pop()?,
            b'1' => _ = self.since_mark()?,
            _ => {
                let top = self.top()?;
                self.stack.push(top);
            }
        }
        Ok(())
    }

    fn remember(&mut self, opcode: u8) -> Result<(), PickleError> {
        const WRONG: PickleError = PickleError::Malformed("it names what it did not keep");
        let name = match opcode {
            b'p' | b'g' => self.line()?.parse().map_err(|_| WRONG)?,
            b'q' | b'h' => u32::from(self.byte()?),
            b'r' | b'j' => u32::try_from(self.length(4)?).map_err(|_| WRONG)?,
            _ => u32::try_from(self.memo.len()).map_err(|_| WRONG)?,
        };
        if matches!(opcode, b'g' | b'h' | b'j') {
            let at = *self.memo.get(&name).ok_or(WRONG)?;
            self.stack.push(at);
        } else {
            let top = self.top()?;
            self.memo.insert(name, top);
        }
        Ok(())
    }

    /// Names of classes, and what they would be called with. Nothing is.
    fn object(&mut self, opcode: u8) -> Result<(), PickleError> {
        const WRONG: PickleError = PickleError::Malformed("a class without a name");
        match opcode {
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.put(Node::Class(format!("{module}.{name}").into()))
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (&self.nodes[module], &self.nodes[name]) {
                    (Node::Plain(Value::Text(module)), Node::Plain(Value::Text(name))) => {
                        // Otherwise one long name that is kept could be copied again and again.
                        if module.len() + name.len() > 256 {
                            return Err(PickleError::Large);
                        }
                        let class = format!("{module}.{name}").into();
                        self.put(Node::Class(class))
                    }
                    _ => Err(WRONG),
                }
            }
            b'b' => self.pop().and_then(|_| self.top()).map(drop),
            _ => {
                let (arguments, class) = (self.pop()?, self.pop()?);
                let Node::Class(class) = &self.nodes[class] else { return Err(WRONG) };
                let class = Rc::clone(class);
                self.put(Node::Object(class, arguments))
            }
        }
    }

    fn push(&mut self, value: Value) -> Result<(), PickleError> {
        self.put(Node::Plain(value))
    }

    fn put(&mut self, node: Node) -> Result<(), PickleError> {
        if self.nodes.len() >= VALUES_MAX {
            return Err(PickleError::Large);
        }
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
        Ok(())
    }

    /// Height of the newest mark: what lies beneath is out of reach.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<At, PickleError> {
        let top = self.stack.last().copied();
        top.filter(|_| self.stack.len() > self.floor()).ok_or(STACK)
    }

    fn pop(&mut self) -> Result<At, PickleError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn since_mark(&mut self) -> Result<Vec<At>, PickleError> {
        let mark = self.marks.pop().ok_or(STACK)?;
        Ok(self.stack.split_off(mark))
    }

    fn byte(&mut self) -> Result<u8, PickleError> {
        let (first, rest) = self.rest.split_first().ok_or(END)?;
        self.rest = rest;
        Ok(*first)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], PickleError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(END)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A length in so many bytes, least first.
    fn length(&mut self, bytes: usize) -> Result<usize, PickleError> {
        let mut all = [0; 8];
        all[..bytes].copy_from_slice(self.take(bytes)?);
        usize::try_from(u64::from_le_bytes(all)).map_err(|_| END)
    }

    fn line_bytes(&mut self) -> Result<&'a [u8], PickleError> {
        let end = memchr::memchr(b'\n', self.rest).ok_or(END)?;
        let line = self.take(end)?;
        self.byte()?;
        Ok(line)
    }

    fn line(&mut self) -> Result<&'a str, PickleError> {
        str::from_utf8(self.line_bytes()?).map_err(|_| PickleError::Malformed("a line of no text"))
    }
}

fn pairs(flat: &[At]) -> Result<Vec<(At, At)>, PickleError> {
    let (pairs, []) = flat.as_chunks::<2>() else {
        return Err(PickleError::Malformed("a key without a value"));
    };
    Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
}

/// A text of protocol 0: Latin-1, with `\u` and `\U` for what is beyond and for itself.
fn unescape(line: &[u8]) -> Option<Rc<str>> {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((first, after)) = rest.split_first() {
        let digits = match (first, after.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => {
                text.push(char::from(*first));
                rest = after;
                continue;
            }
        };
        let (code, after) = after[1..].split_at_checked(digits)?;
        let code = str::from_utf8(code).ok().filter(|it| !it.starts_with('+'))?;
        text.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
        rest = after;
    }
    Some(text.into())
}

/// Values out of the arena, counted: one that is referred to twice counts twice.
struct Unfolding<'a> {
    nodes: &'a [Node],
    left: usize,
}

impl Unfolding<'_> {
    fn value(&mut self, at: At, depth: usize) -> Result<Value, PickleError> {
        self.left = self.left.checked_sub(1).ok_or(PickleError::Large)?;
        if depth > DEPTH_MAX {
            return Err(PickleError::Deep);
        }
        let nodes = self.nodes;
        Ok(match &nodes[at] {
            Node::Plain(value) => value.clone(),
            Node::Class(class) => Value::Class(Rc::clone(class)),
            Node::List(items) => Value::List(self.values(items, depth)?),
            Node::Tuple(items) => Value::Tuple(self.values(items, depth)?),
            Node::Dict(items) => {
                let mut pairs = Vec::new();
                for (key, value) in items {
                    pairs.push((self.value(*key, depth + 1)?, self.value(*value, depth + 1)?));
                }
                Value::Dict(pairs)
            }
            Node::Object(class, arguments) => {
                let arguments = self.value(*arguments, depth + 1)?;
                Value::Object(Rc::clone(class), Box::new(arguments))
            }
        })
    }

    fn values(&mut self, items: &[At], depth: usize) -> Result<Vec<Value>, PickleError> {
        items.iter().map(|item| self.value(*item, depth + 1)).collect()
    }
}
