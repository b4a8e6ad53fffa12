//! Devices that wait for their users, and the codes that lead to them.

use std::{convert::Infallible, time::Duration};

use ambient::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Record, Store, StoreError, Table, UpdateError};

use crate::domain::{Code, Device, DeviceCode, UserCode, Visit, VisitKey};

use super::TRANSACTION_LIFE;

/// How long a user has to find the page and decide.
pub(crate) const DEVICE_LIFE: Duration = Duration::from_mins(10);

/// How long a device is kept after that, so that it is told why it got nothing.
const REMAINS: Duration = Duration::from_mins(10);

impl Record for Device {
    const PREFIX: &'static str = "auth:device:";
    const SEALED: bool = true;
}

impl Record for Visit {
    const PREFIX: &'static str = "auth:visit:";
    const SEALED: bool = true;
}

/// The name of the device that a user code leads to.
#[derive(Debug, Serialize, Deserialize)]
struct Lead {
    device: String,
}

impl Record for Lead {
    const PREFIX: &'static str = "auth:usercode:";
}

#[derive(Debug)]
pub(crate) struct Devices {
    /// A user code is short enough to be guessed from a hash that needs no secret.
    names: Store,
    waiting: Table<Device>,
    leads: Table<Lead>,
    visits: Table<Visit>,
}

impl Devices {
    pub(super) fn new(store: &Store) -> Self {
        let (waiting, leads) = (store.table(), store.table());
        Self { names: store.clone(), waiting, leads, visits: store.table() }
    }

    /// Keeps a new device. `false` if another one that waits has the same user code.
    pub(crate) async fn add(
        &self,
        ticket: &DeviceCode,
        user_code: &UserCode,
        device: &Device,
    ) -> Result<bool, StoreError> {
        let name = ticket.digest();
        let lead = Lead { device: name.as_str().to_owned() };
        let alias = self.names.alias(&user_code.name());
        if !self.leads.claim(&alias, &lead, DEVICE_LIFE).await? {
            return Ok(false);
        }
        self.waiting.put(name.as_str(), device, DEVICE_LIFE + REMAINS).await?;
        Ok(true)
    }

    /// The device that a user means, and its name.
    pub(crate) async fn find(
        &self,
        user_code: &UserCode,
    ) -> Result<Option<(String, Device)>, StoreError> {
        for alias in self.names.aliases(&user_code.name()) {
            if let Some(Lead { device: name }) = self.leads.get(&alias).await? {
                // What leads to a device is not sealed; what the device is called by is.
                let device = self.get(&name).await?;
                let meant = device.filter(|device| device.user_code == user_code.name());
                return Ok(meant.map(|device| (name, device)));
            }
        }
        Ok(None)
    }

    /// The device of this name.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Device>, StoreError> {
        self.waiting.get(name).await
    }

    /// The device asks. Its pace is kept in the record, so it holds on every instance.
    pub(crate) async fn ask(
        &self,
        ticket: &DeviceCode,
        now: Timestamp,
    ) -> Result<Option<Device>, StoreError> {
        let asked = |device: Device| Ok::<_, Infallible>(device.asked(now));
        match self.waiting.update(ticket.digest().as_str(), asked).await {
            Ok(device) => Ok(device),
            Err(UpdateError::Store(error)) => Err(error),
            Err(UpdateError::Change(never)) => match never {},
        }
    }

    /// Writes down what the user has decided. `false` if that was done, or is too late.
    pub(crate) async fn decide(
        &self,
        name: &str,
        code: Option<Code>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let code = code.map(Box::new);
        let decided = |device: Device| device.decided(code.clone(), now).ok_or(());
        let device = changed(self.waiting.update(name, decided).await)?;
        if let Some(device) = &device {
            for alias in self.names.aliases(&device.user_code) {
                self.leads.remove(&alias).await?;
            }
        }
        Ok(device.is_some())
    }

    /// Marks a device as served. Of several who try, on whatever instances, one gets `true`.
    pub(crate) async fn serve(&self, ticket: &DeviceCode) -> Result<bool, StoreError> {
        let served = |device: Device| device.served().ok_or(());
        let device = changed(self.waiting.update(ticket.digest().as_str(), served).await)?;
        Ok(device.is_some())
    }

    /// Keeps what the way of a person through consent and login is for.
    pub(crate) async fn begin_visit(
        &self,
        key: &VisitKey,
        visit: &Visit,
    ) -> Result<(), StoreError> {
        self.visits.put(key.digest().as_str(), visit, TRANSACTION_LIFE).await
    }

    /// The person comes back, once.
    pub(crate) async fn end_visit(&self, key: &VisitKey) -> Result<Option<Visit>, StoreError> {
        self.visits.take(key.digest().as_str()).await
    }
}

/// The record, if the change was made.
fn changed<T>(result: Result<Option<T>, UpdateError<()>>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(record) => Ok(record),
        Err(UpdateError::Change(())) => Ok(None),
        Err(UpdateError::Store(error)) => Err(error),
    }
}
