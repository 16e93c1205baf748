//! How TLS is spoken: what a server is checked against, and what it is shown.

use refit_agent::http::{Pem, TlsSetup};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::sync::Arc;

/// The configuration for a connection. An error is a sentence for the user.
pub fn config(setup: &TlsSetup) -> Result<Arc<ClientConfig>, String> {
    let mut provider = ring::default_provider();
    if !setup.ciphers.is_empty() {
        provider.cipher_suites = super::ciphers::chosen(&setup.ciphers.join(":"), &provider.cipher_suites)?;
    }
    let provider = Arc::new(provider);
    let wrong = |why: rustls::Error| format!("TLS can't be set up: {why}");
    let builder =
        ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().map_err(wrong)?;
    let verifier: Arc<dyn ServerCertVerifier> = match &setup.roots {
        Some(files) => {
            let mut roots: Vec<_> = files.iter().flat_map(certificates).collect();
            roots.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
            roots.dedup();
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(roots.iter().cloned());
            let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider)
                .build()
                .map_err(|why| format!("the CA certificates can't be used: {why}"))?;
            Arc::new(Trusting { inner, roots })
        }
        None => Arc::new(Unverified(provider)),
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let config = match &setup.client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates(certificate).collect();
            let secret = PrivateKeyDer::from_pem_slice(key.text.as_bytes()).map_err(|why| {
                let encrypted = "a key with a passphrase can't be used";
                format!("{} holds no private key in PEM form ({why}; {encrypted})", key.path.display())
            })?;
            builder.with_client_auth_cert(chain, secret).map_err(|why| {
                let (certificate, key) = (certificate.path.display(), key.path.display());
                format!("the client's certificate {certificate} and key {key} don't work: {why}")
            })?
        }
    };
    Ok(Arc::new(config))
}

fn certificates(file: &Pem) -> impl Iterator<Item = CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(file.text.as_bytes()).filter_map(Result::ok)
}

/// Checks servers as browsers do, and takes besides a certificate that is itself among the roots: a self-signed one that
/// the user names as its own CA, which is no mistake of theirs.
#[derive(Debug)]
struct Trusting {
    inner: Arc<WebPkiServerVerifier>,
    roots: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // That it is a CA is found out after its dates were found right.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(other)))
                if other.0.to_string().contains("CaUsedAsEndEntity") && self.roots.contains(end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// `validate_certs: false`: any certificate will do.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A failed handshake in words that tell what to do.
pub fn explained(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "its certificate is issued by none of the CAs that this host trusts; give that CA's certificate as `ca_path`, \
             or install it on the host"
                .to_owned()
        }
        rustls::Error::InvalidCertificate(CertificateError::Other(other))
            if other.0.to_string().contains("CaUsedAsEndEntity") =>
        {
            "its certificate is self-signed; give that certificate as `ca_path`, or install it on the host".to_owned()
        }
        other => other.to_string(),
    }
}
