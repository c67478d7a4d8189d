//! Statements prepared once per connection.

use std::cell::{RefCell, RefMut};
use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Params, Result, Row, Statement};

/// A connection and the statements that were used on it. Statement texts are constants of the
/// program, so they are known by their address.
#[derive(Debug)]
pub(crate) struct Prepared<'c> {
    connection: &'c Connection,
    statements: RefCell<HashMap<(*const u8, usize), Statement<'c>>>,
}

impl<'c> Prepared<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, statements: RefCell::default() }
    }

    pub(super) fn connection(&self) -> &'c Connection {
        self.connection
    }

    /// Runs a statement without rows. The number of rows it changed.
    pub(crate) fn execute(&self, sql: &'static str, params: impl Params) -> Result<usize> {
        self.statement(sql)?.execute(params)
    }

    /// Runs an insert. The row's number.
    pub(crate) fn insert(&self, sql: &'static str, params: impl Params) -> Result<i64> {
        self.execute(sql, params)?;
        Ok(self.connection.last_insert_rowid())
    }

    /// The first row, if there is one.
    pub(crate) fn first<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.statement(sql)?.query_row(params, read).optional()
    }

    /// Every row. `read` must not use the connection.
    pub(crate) fn all<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.statement(sql)?.query_map(params, read)?.collect()
    }

    fn statement(&self, sql: &'static str) -> Result<RefMut<'_, Statement<'c>>> {
        let key = (sql.as_ptr(), sql.len());
        let mut statements = self.statements.borrow_mut();
        if !statements.contains_key(&key) {
            statements.insert(key, self.connection.prepare(sql)?);
        }
        RefMut::filter_map(statements, |all| all.get_mut(&key))
            .map_err(|_| rusqlite::Error::InvalidQuery)
    }
}
