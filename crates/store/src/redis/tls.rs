//! Whom a TLS connection to Redis trusts when its certificate is not of a public authority.

use fred::{
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, pem::PemObject as _},
    },
    rustls_native_certs::load_native_certs,
    types::config::TlsConfig,
};

use super::connect::CONNECT;
use crate::error::StoreError;

/// Trusts the system's certificates and those of a PEM text.
pub(super) fn trusting(pem: &str) -> Result<TlsConfig, StoreError> {
    let unreadable =
        || CONNECT.refused("the file of REDIS_CA_FILE holds no certificates in PEM form; mend it");
    let own: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let own = own.ok().filter(|own| !own.is_empty()).ok_or_else(unreadable)?;
    let mut roots = RootCertStore::empty();
    // A machine may have certificates that cannot be read; those that can are enough.
    roots.add_parsable_certificates(load_native_certs().certs);
    for certificate in own {
        roots.add(certificate).map_err(|_| unreadable())?;
    }
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_certificates_is_refused() {
        let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "hello", empty] {
            let error = trusting(text).unwrap_err().to_string();
            assert!(error.contains("REDIS_CA_FILE"), "{error}");
        }
    }
}
