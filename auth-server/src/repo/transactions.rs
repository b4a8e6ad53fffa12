//! Authorizations in progress.

use std::{convert::Infallible, time::Duration};

use store::{Record, Store, StoreError, Table, UpdateError};

use crate::domain::{Handle, Nonce, Transaction, WrongTurn};

/// How long a user has for consent and login.
pub(crate) const TRANSACTION_LIFE: Duration = Duration::from_mins(10);

impl Record for Transaction {
    const PREFIX: &'static str = "auth:pending:";
    const SEALED: bool = true;
}

#[derive(Debug)]
pub(crate) struct Transactions(Table<Transaction>);

impl Transactions {
    pub(super) fn new(store: &Store) -> Self {
        Self(store.table())
    }

    /// Keeps a new transaction.
    pub(crate) async fn begin(
        &self,
        handle: &Handle,
        transaction: &Transaction,
    ) -> Result<(), StoreError> {
        self.0.put(handle.digest().as_str(), transaction, TRANSACTION_LIFE).await
    }

    /// The transaction with this handle.
    pub(crate) async fn find(&self, handle: &Handle) -> Result<Option<Transaction>, StoreError> {
        self.0.get(handle.digest().as_str()).await
    }

    /// The user agrees, maybe as somebody else than who is logged in. None if the transaction has
    /// gone meanwhile.
    pub(crate) async fn agree(
        &self,
        handle: &Handle,
        as_other: bool,
    ) -> Result<Option<Transaction>, StoreError> {
        let agree = |transaction: Transaction| Ok::<_, Infallible>(transaction.agree(as_other));
        match self.0.update(handle.digest().as_str(), agree).await {
            Ok(transaction) => Ok(transaction),
            Err(UpdateError::Store(error)) => Err(error),
            Err(UpdateError::Change(never)) => match never {},
        }
    }

    /// The user is sent to an identity provider. None if the transaction has gone meanwhile.
    pub(crate) async fn send(
        &self,
        handle: &Handle,
        nonce: &Nonce,
    ) -> Result<Option<Transaction>, UpdateError<WrongTurn>> {
        let send = |transaction: Transaction| transaction.send(nonce);
        self.0.update(handle.digest().as_str(), send).await
    }

    /// Ends a transaction. Of several who try, one gets it.
    pub(crate) async fn end(&self, handle: &Handle) -> Result<Option<Transaction>, StoreError> {
        self.0.take(handle.digest().as_str()).await
    }
}
