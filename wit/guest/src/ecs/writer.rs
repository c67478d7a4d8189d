//! JSON text, field by field. What is empty leaves no trace, an object without fields included.

use std::fmt::Write;

use crate::json;

#[derive(Debug)]
pub(super) struct Writer {
    text: String,
}

impl Writer {
    /// Begins the outermost object, which `finish` ends.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut text = String::with_capacity(bytes);
        text.push('{');
        Self { text }
    }

    pub(super) fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }

    /// `name`, here and below: of the schema, so that nothing in it needs an escape.
    pub(super) fn object(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        let at = self.text.len();
        self.name(name);
        self.text.push('{');
        write(self);
        if self.text.ends_with('{') {
            self.text.truncate(at);
        } else {
            self.text.push('}');
        }
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.name(name);
            json::push_string(&mut self.text, value);
        }
    }

    /// The same for a name that may be anything.
    pub(super) fn any_text(&mut self, name: &str, value: &str) {
        self.comma();
        json::push_string(&mut self.text, name);
        self.text.push(':');
        json::push_string(&mut self.text, value);
    }

    pub(super) fn list<'a>(&mut self, name: &str, values: impl IntoIterator<Item = &'a str>) {
        let at = self.text.len();
        self.name(name);
        self.text.push('[');
        for value in values {
            self.comma();
            json::push_string(&mut self.text, value);
        }
        if self.text.ends_with('[') {
            self.text.truncate(at);
        } else {
            self.text.push(']');
        }
    }

    /// A `long`, which ends at 2^63 - 1.
    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        // Into memory: this cannot fail, nor do those below.
        let _ = write!(self.text, "{}", value.min(i64::MAX.unsigned_abs()));
    }

    /// A `float` that is given in tenths.
    pub(super) fn tenths(&mut self, name: &str, value: u64) {
        self.name(name);
        let _ = write!(self.text, "{}.{}", value / 10, value % 10);
    }

    /// A `float`, which is to be finite.
    pub(super) fn float(&mut self, name: &str, value: f64) {
        self.name(name);
        let _ = write!(self.text, "{value}");
    }

    fn name(&mut self, name: &str) {
        self.comma();
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
    }

    /// Behind another field. A text ends with a quote, so a bracket there is one of ours.
    fn comma(&mut self) {
        if !self.text.ends_with(['{', '[']) {
            self.text.push(',');
        }
    }
}
