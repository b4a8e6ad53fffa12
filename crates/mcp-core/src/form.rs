//! Forms made from types. A tool asks with the same form in every call and in every round of it,
//! and to make one takes many times as long as to ask: each is made once.

use std::{
    any::TypeId,
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use schemars::JsonSchema;
use serde_json::Value;

use crate::{constraints::Constraints, schema};

/// What a type of form asks for.
pub(crate) struct Form {
    /// What the client is shown.
    pub(crate) schema: Arc<Value>,
    /// What an answer has to keep to.
    pub(crate) constraints: Constraints,
}

/// As many as there are types that something asks with.
static FORMS: LazyLock<RwLock<HashMap<TypeId, Arc<Form>>>> = LazyLock::new(RwLock::default);

impl Form {
    /// The form of `T`.
    ///
    /// # Panics
    /// When `T` is no form; it is the same for every call, so the first test finds it.
    pub(crate) fn of<T: JsonSchema + 'static>() -> Arc<Self> {
        let known = FORMS.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(form) = known.get(&TypeId::of::<T>()) {
            return form.clone();
        }
        drop(known);
        let form = Arc::new(Self::made::<T>());
        let mut known = FORMS.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(TypeId::of::<T>()).or_insert(form).clone()
    }

    fn made<T: JsonSchema>() -> Self {
        let schema = schema::form::<T>();
        let constraints = Constraints::of(&schema)
            .unwrap_or_else(|wrong| panic!("`{}` cannot be a form: {wrong}", T::schema_name()));
        Self { schema: Arc::new(schema), constraints }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only the schema is looked at")]
    struct Name {
        name: String,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only the schema is looked at")]
    struct Age {
        age: u8,
    }

    #[test]
    fn each_form_is_made_once_and_is_its_own() {
        assert!(Arc::ptr_eq(&Form::of::<Name>(), &Form::of::<Name>()));
        assert_ne!(Form::of::<Name>().schema, Form::of::<Age>().schema);
    }
}
